export type NamePattern = string | RegExp;

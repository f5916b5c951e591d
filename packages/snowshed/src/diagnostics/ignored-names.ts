import { invalidArgument } from "../errors.ts";

/** Names of tasks, groups or what is waited for: a text is the whole name, an expression may match a part of it. */
export type NamePattern = string | RegExp;

/** Checks a list of patterns. @internal */
export function checkPatterns(patterns: unknown, name: string): void {
  if (Array.isArray(patterns) && patterns.every((each) => typeof each === "string" || each instanceof RegExp)) return;
  throw invalidArgument(TypeError, name, "a list of texts and regular expressions", patterns);
}

/** Whether one of the patterns stands for one of the names. @internal */
export function matches(patterns: readonly NamePattern[], ...names: readonly string[]): boolean {
  return patterns.some((pattern) =>
    // search() begins at the start, whatever the expression was used for before.
    names.some((name) => (typeof pattern === "string" ? name === pattern : name.search(pattern) >= 0)),
  );
}

export type Duration = number | `${number}${"ms" | "s" | "m" | "h"}`;
export declare function toMilliseconds(duration: Duration, name?: string): number;

/** What the gate goes through, in this order. `config` is the file itself; it is always looked at. */
export const stages = ["config", "advise", "audit", "rules", "chaos", "capacity"] as const;

export type Stage = (typeof stages)[number];

export const severities = ["error", "warning", "info"] as const;

export type Severity = (typeof severities)[number];

/** A place in a file, as editors count: from 1. */
export interface Position {
  /** As a user would write it: relative to the folder the gate was started in, with slashes. */
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

/** One thing a rule has to say. Reports print it; nothing in it is a secret. */
export interface Finding extends Position {
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
  /** Where in the configuration; empty when it is about a file the configuration only names. */
  readonly path: readonly (string | number)[];
  /** What to do about it. */
  readonly fix: string | null;
  /** Addresses to read on; the article is "the article, chapter 5". */
  readonly sources: readonly string[];
  readonly stage: Stage;
  /** Default: open. One that is excepted is shown, and does not block. */
  readonly status?: "open" | "excepted";
  /** With `status: "excepted"`: who decided so, why and until when. */
  readonly exception?: { readonly reason: string; readonly owner: string; readonly until: string };
}

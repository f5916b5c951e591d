import type { Position } from "../finding.ts";

export type ProblemKind = "file" | "yaml" | "duplicate-key" | "unknown-key" | "missing-key" | "invalid-value";

/** One thing that is wrong with the configuration itself. */
export interface Problem extends Position {
  readonly kind: ProblemKind;
  readonly message: string;
  readonly path: readonly (string | number)[];
}

/** The configuration cannot be used: all that is wrong with it, each with its place. Exit code 2. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join("\n"));
    this.problems = problems;
  }
}

import type { Stage } from "./finding.ts";

/** The options that the gate and its stages share. */
export interface GateFlags {
  readonly config: string;
  readonly output?: readonly string[];
  readonly failOn: "error" | "warning";
  readonly quiet?: boolean;
}

export interface GateRunOptions extends GateFlags {
  /** Named by the user: what is missing is then inconclusive. Undefined: the safe ones and what the file enables. */
  readonly only?: readonly Exclude<Stage, "config">[] | undefined;
  readonly live?: boolean | undefined;
  /** Handed to the stages as they are. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
}

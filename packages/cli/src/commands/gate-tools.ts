import type { Command } from "commander";
import { Option } from "commander";
import type { Stage } from "../gate/finding.ts";
import type { CommandHost } from "./look-options.ts";

/** What every sub-command of the gate is made with. */
export type GateHost = CommandHost;

/** The options that the gate and its stages share. */
export interface GateFlags {
  readonly config: string;
  readonly output?: readonly string[];
  readonly failOn: "error" | "warning";
  readonly quiet?: boolean;
}

/** Adds them; `config` is the file the command works on. */
export function withGateOptions(command: Command): Command {
  return command
    .option("-c, --config <file>", "the configuration", "snowshed.yaml")
    .option("-o, --output <format[=file]>", "terminal, json, junit, sarif, github, markdown; repeatable", collect)
    .addOption(new Option("--fail-on <severity>", "what blocks").choices(["error", "warning"]).default("error"))
    .option("-q, --quiet", "only what is wrong");
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export interface GateRunOptions extends GateFlags {
  /** Named by the user: what is missing is then inconclusive. Undefined: the safe ones and what the file enables. */
  readonly only?: readonly Exclude<Stage, "config">[] | undefined;
  readonly live?: boolean | undefined;
  /** Handed to the stages as they are. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
}

/** Runs stages, writes the reports and answers the exit code. Loads what it needs when it is called. */
export async function runStages(options: GateRunOptions, host: GateHost): Promise<number> {
  const { runGate } = await import("../gate/gate-run.ts");
  return runGate(options, host.io, host.notes);
}

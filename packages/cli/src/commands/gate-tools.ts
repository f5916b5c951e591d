import type { Command } from "../commander.ts";
import { Option } from "../commander.ts";
import type { GateRunOptions } from "../gate/gate-options.ts";
import type { CommandHost } from "./look-options.ts";

export type { GateFlags, GateRunOptions } from "../gate/gate-options.ts";

/** What every sub-command of the gate is made with. */
export type GateHost = CommandHost;

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

/** Runs stages, writes the reports and answers the exit code. Loads what it needs when it is called. */
export async function runStages(options: GateRunOptions, host: GateHost): Promise<number> {
  const { runGate } = await import("../gate/gate-run.ts");
  return runGate(options, host.io, host.notes);
}

import { Command } from "commander";
import type { GateFlags, GateHost } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

/** What adds each sub-command. Loaded when it is asked for, and all of them only for the help. */
const parts: Readonly<Record<string, () => Promise<(gate: Command, host: GateHost) => void>>> = {
  audit: async () => (await import("./gate-audit.ts")).addAudit,
  rules: async () => (await import("./gate-rules.ts")).addRules,
  chaos: async () => (await import("./gate-chaos.ts")).addChaos,
  capacity: async () => (await import("./gate-capacity.ts")).addCapacity,
};

/** The command `gate`; `args` are those after its name. */
export async function gateCommand(host: GateHost, args: readonly string[]): Promise<Command> {
  const gate = withGateOptions(new Command("gate"))
    .description("Block a release that is not safe: stores, pools, kernels, alerts, faults, capacity.")
    .action(async (flags: GateFlags) => host.done(await runStages(flags, host)));
  const wanted = args.find((each) => Object.hasOwn(parts, each));
  for (const [name, load] of Object.entries(parts)) {
    if (wanted === undefined || wanted === name) (await load())(gate, host);
  }
  return gate;
}

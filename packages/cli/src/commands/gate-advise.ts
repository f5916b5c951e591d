import { Command } from "commander";
import { UsageError } from "../usage-error.ts";
import type { GateFlags, GateHost } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

type Flags = GateFlags & { readonly explain?: boolean };

/** Adds `snowshed gate advise`. */
export function addAdvise(gate: Command, host: GateHost): void {
  const command = withGateOptions(new Command("advise"))
    .description("Which store each workload asks for: the decision tree, what contradicts it, what else would serve.")
    .argument("[workload]", "only this one: says it, and reports nothing")
    .option("--explain", "draw the way through the tree")
    .action(async (workload: string | undefined, { explain = false, ...flags }: Flags) => {
      const { sayAdvice } = await import("../gate/advise/say.ts");
      if (workload !== undefined && flags.output !== undefined)
        throw new UsageError("--output goes without a workload");
      const shown = workload !== undefined || flags.output === undefined;
      const said = shown ? await sayAdvice({ config: flags.config, workload, explain }, host) : true;
      host.done(workload === undefined || !said ? await runStages({ ...flags, only: ["advise"] }, host) : 0);
    });
  gate.addCommand(command);
}

import { Command } from "../commander.ts";
import { UsageError } from "../usage-error.ts";
import type { GateFlags, GateHost } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

type Flags = GateFlags & { readonly explain?: boolean };

/** `snowshed gate advise`. */
export function adviseCommand(host: GateHost): Command {
  return withGateOptions(new Command("advise"))
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
}

import type { Command } from "commander";
import { Command as NewCommand } from "commander";
import type { GateFlags, GateHost } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

interface AuditFlags extends GateFlags {
  readonly live?: boolean;
}

/** Adds `snowshed gate audit`. */
export function addAudit(gate: Command, host: GateHost): void {
  const command = withGateOptions(new NewCommand("audit"))
    .description("Judge pools, clients, servers and kernels by what is declared and by their files.")
    .option("--live", "ask the servers of connections.*.servers and this machine too; changes nothing")
    .action(async (flags: AuditFlags) => host.done(await runStages({ ...flags, only: ["audit"] }, host)));
  gate.addCommand(command);
}

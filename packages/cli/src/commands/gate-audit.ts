import { Command } from "../commander.ts";
import type { GateFlags, GateHost } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

interface AuditFlags extends GateFlags {
  readonly live?: boolean;
}

/** `snowshed gate audit`. */
export function auditCommand(host: GateHost): Command {
  return withGateOptions(new Command("audit"))
    .option("--live", "ask the servers of connections.*.servers and this machine too; changes nothing")
    .action(async (flags: AuditFlags) => host.done(await runStages({ ...flags, only: ["audit"] }, host)));
}

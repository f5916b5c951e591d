import { Command } from "commander";
import type { GateHost } from "./gate-tools.ts";

/** Adds `snowshed gate audit`. */
export function addAudit(gate: Command, host: GateHost): void {
  gate.addCommand(new Command("audit").action(() => host.done(3)));
}

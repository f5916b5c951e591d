import { Command } from "commander";
import type { GateHost } from "./gate-tools.ts";

/** Adds `snowshed gate chaos`. */
export function addChaos(gate: Command, host: GateHost): void {
  gate.addCommand(new Command("chaos").action(() => host.done(3)));
}

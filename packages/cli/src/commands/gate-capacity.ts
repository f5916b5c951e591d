import { Command } from "commander";
import type { GateHost } from "./gate-tools.ts";

/** Adds `snowshed gate capacity`. */
export function addCapacity(gate: Command, host: GateHost): void {
  gate.addCommand(new Command("capacity").action(() => host.done(3)));
}

import { Command } from "commander";
import type { GateHost } from "./gate-tools.ts";

/** Adds `snowshed gate rules`. */
export function addRules(gate: Command, host: GateHost): void {
  gate.addCommand(new Command("rules").action(() => host.done(3)));
}

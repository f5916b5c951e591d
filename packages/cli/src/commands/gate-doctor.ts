import { Command } from "commander";
import type { GateHost } from "./gate-tools.ts";

interface Flags {
  readonly json?: boolean;
}

/** Adds `snowshed gate doctor`. */
export function addDoctor(gate: Command, host: GateHost): void {
  const command = new Command("doctor")
    .description("What of this machine the stages can use, what is missing, and how to install it.")
    .option("--json", "print JSON")
    .action(async ({ json = false }: Flags) => {
      const { examine } = await import("../gate/doctor.ts");
      host.done(await examine(json, host.io));
    });
  gate.addCommand(command);
}

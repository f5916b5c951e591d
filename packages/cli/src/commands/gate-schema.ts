import { Command } from "commander";
import type { GateHost } from "./gate-tools.ts";

/** Adds `snowshed gate schema`. */
export function addSchema(gate: Command, host: GateHost): void {
  const command = new Command("schema")
    .description("Print the JSON Schema of snowshed.yaml, for editors.")
    .action(async () => {
      const { jsonSchema } = await import("../gate/config/load.ts");
      host.io.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
      host.done(0);
    });
  gate.addCommand(command);
}

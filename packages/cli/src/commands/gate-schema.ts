import { Command } from "../commander.ts";
import type { GateHost } from "./gate-tools.ts";

/** `snowshed gate schema`. */
export function schemaCommand(host: GateHost): Command {
  return new Command("schema").action(async () => {
    const { jsonSchema } = await import("../gate/config/load.ts");
    host.io.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
    host.done(0);
  });
}

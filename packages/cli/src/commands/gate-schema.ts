import { Command } from "../commander.ts";
import type { GateHost } from "./gate-tools.ts";

/** `snowshed gate schema`. Prints the file that is shipped: to make it again loads all that a configuration is checked with. */
export function schemaCommand(host: GateHost): Command {
  return new Command("schema").action(() => {
    const { readFileSync } = process.getBuiltinModule("node:fs");
    host.io.stdout.write(readFileSync(new URL("../../schema/snowshed.schema.json", import.meta.url)));
    host.done(0);
  });
}

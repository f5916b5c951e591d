import { Command, Option } from "../commander.ts";
import type { GateHost } from "./gate-tools.ts";

interface Flags {
  readonly config: string;
  readonly preset: "article" | "recommended";
}

/** `snowshed gate init`. */
export function initCommand(host: GateHost): Command {
  return new Command("init")
    .option("-c, --config <file>", "where", "snowshed.yaml")
    .addOption(
      new Option("--preset <name>", "whose numbers").choices(["article", "recommended"]).default("recommended"),
    )
    .action(async (flags: Flags) => {
      const { writeFirstConfig } = await import("../gate/init.ts");
      host.done(await writeFirstConfig(flags, host.notes));
    });
}

import { Command, Option } from "commander";
import type { GateHost } from "./gate-tools.ts";

interface Flags {
  readonly config: string;
  readonly preset: "article" | "recommended";
}

/** Adds `snowshed gate init`. */
export function addInit(gate: Command, host: GateHost): void {
  const command = new Command("init")
    .description("Write a snowshed.yaml to begin with, naming the configuration files found beside it.")
    .option("-c, --config <file>", "where", "snowshed.yaml")
    .addOption(
      new Option("--preset <name>", "whose numbers").choices(["article", "recommended"]).default("recommended"),
    )
    .action(async (flags: Flags) => {
      const { writeFirstConfig } = await import("../gate/init.ts");
      host.done(await writeFirstConfig(flags, host.notes));
    });
  gate.addCommand(command);
}

import { Command } from "../commander.ts";
import type { GateHost } from "./gate-tools.ts";

interface Flags {
  readonly json?: boolean;
}

/** `snowshed gate doctor`. */
export function doctorCommand(host: GateHost): Command {
  return new Command("doctor").option("--json", "print JSON").action(async ({ json = false }: Flags) => {
    const { examine } = await import("../gate/doctor.ts");
    host.done(await examine(json, host.io));
  });
}

import { join } from "node:path";
import { findOrInstall, searchPath } from "../../../../snowshed/test/support/server-programs.ts";

/** The promtool of this machine, installed if need be; rejects when that cannot be. */
export async function promtool(): Promise<string> {
  const places = (): string[] => [...searchPath(), "/usr/bin"];
  const folder = await findOrInstall({ server: "Prometheus", names: ["promtool"], places, packages: ["prometheus"] });
  return join(folder, "promtool");
}

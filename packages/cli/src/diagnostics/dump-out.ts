import { open, unlink } from "node:fs/promises";
import { exitCode } from "../exit-code.ts";
import { describeSystemError, systemCode } from "../system-error.ts";
import type { Dump } from "./dump-types.ts";
import { LookFailure } from "./look-failure.ts";

/** The JSON of a dump, a task on each line. */
export function dumpJson(dump: Dump, stringify: (value: unknown) => string = JSON.stringify): string {
  const { tasks, resources, ...head } = dump;
  const lines = (entries: readonly object[]): string => entries.map((entry) => `\n${stringify(entry)}`).join(",");
  return `{\n${stringify(head).slice(1, -1)},\n"resources":[${lines(resources)}],\n"tasks":[${lines(tasks)}]\n}`;
}

/** Writes a dump to a new file that only this user can read. What is there already is never overwritten. */
export async function writeDump(file: string, dump: Dump): Promise<void> {
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.writeFile(`${dumpJson(dump)}\n`);
      await handle.close();
    } catch (error) {
      await handle.close().catch(() => {});
      await unlink(file).catch(() => {});
      throw error;
    }
  } catch (error) {
    const isUsage = ["EEXIST", "ENOENT", "EISDIR", "ENOTDIR", "EACCES"].includes(systemCode(error));
    throw new LookFailure(
      `cannot write ${file}: ${describeSystemError(error)}`,
      isUsage ? exitCode.usage : exitCode.failed,
    );
  }
}

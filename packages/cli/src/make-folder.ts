import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { systemCode } from "./system-error.ts";

/**
 * Makes a folder and those above it. Not `mkdir` with `recursive`: in a place like /proc, which refuses new entries with
 * "no such file", that tries again for ever.
 */
export async function makeFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    const code = systemCode(error);
    const parent = path.dirname(path.resolve(folder));
    if (code === "EEXIST" && (await stat(folder)).isDirectory()) return;
    if (code !== "ENOENT" || parent === path.resolve(folder)) throw error;
    await makeFolder(parent, mode);
    await mkdir(folder, { mode });
  }
}

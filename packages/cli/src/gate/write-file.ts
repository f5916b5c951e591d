import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import type { Stats } from "node:fs";
import { open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { systemCode } from "../system-error.ts";

/**
 * Writes a file so that whoever reads it sees the old or the new text, never a part: two gates that write the same file at
 * once leave the one of the last. Its folder must be there. A symbolic link stays one, and what is no regular file, such as
 * a named pipe or a device, is written to. `mode` 0o600 is for what only the user is to read.
 */
export async function writeWhole(file: string, text: string, mode: number = 0o666): Promise<void> {
  const there = await statusOf(file);
  if (there !== undefined && !there.isFile()) return writeInto(file, text, there);
  const target = there === undefined ? file : await realpath(file);
  // Not with the name of the file in it: that may be as long as names can be.
  const temporary = path.join(path.dirname(target), `.snowshed-${randomBytes(6).toString("hex")}.tmp`);
  try {
    // Who could not read the old one cannot read the new one.
    await writeFile(temporary, text, { flag: "wx", mode: there === undefined ? mode : there.mode & mode });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function statusOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Renaming over it would take the device away from everybody: /dev/null, as root in a container. */
async function writeInto(file: string, text: string, status: Stats): Promise<void> {
  // Opening a pipe that nobody reads waits until somebody does; so it is an error (ENXIO).
  if (status.isFIFO()) await (await open(file, constants.O_WRONLY | constants.O_NONBLOCK)).close();
  await writeFile(file, text);
}

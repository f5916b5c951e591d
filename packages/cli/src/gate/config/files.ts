import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open, realpath } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { describeSystemError, systemCode } from "../../system-error.ts";

/** No file that people write is larger; a 10 MB one was made by a program, or is the wrong one. */
const largest: number = 1024 * 1024;

/** What is wrong with a file, in words that follow its name. */
export class FileProblem extends Error {
  override readonly name = "FileProblem";
}

/** The text of a file: a regular one, of at most 1 MiB, in UTF-8. */
export async function readText(absolute: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    // Without this flag opening a named pipe waits until somebody writes to it.
    handle = await open(absolute, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await handle.stat();
    if (status.isDirectory()) throw new FileProblem("is a folder");
    if (!status.isFile()) throw new FileProblem("is no regular file");
    if (status.size > largest) throw tooLarge(status.size);
    // It may grow while it is read, and files of /proc have no size.
    const buffer = Buffer.alloc(largest + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      ({ bytesRead: read } = await handle.read(buffer, length, buffer.length - length));
    }
    if (length > largest) throw tooLarge(length);
    return decode(buffer.subarray(0, length));
  } catch (error) {
    throw problemOf(error);
  } finally {
    await handle?.close();
  }
}

function tooLarge(size: number): FileProblem {
  return new FileProblem(`is larger than 1 MiB (${(size / 1024 / 1024).toFixed(1)} MiB)`);
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FileProblem("is not UTF-8 text", { cause: error });
  }
}

/** The real path of `name`, which must be there and lie below `folder`, also once its links are followed. */
export async function resolveBelow(folder: string, name: string): Promise<string> {
  return below(folder, await real(lexically(folder, name)));
}

/** The same for a file that need not be there: what is there of its folders must lie below. */
export async function resolveBelowForOutput(folder: string, name: string): Promise<string> {
  const wanted = lexically(folder, name);
  const missing: string[] = [];
  for (let there = wanted; ; there = path.dirname(there)) {
    try {
      return path.join(below(folder, await realpath(there)), ...missing);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw problemOf(error);
      missing.unshift(path.basename(there));
    }
  }
}

function lexically(folder: string, name: string): string {
  if (name.includes("\0")) throw new FileProblem("is no path");
  return below(folder, path.resolve(folder, name));
}

function below(folder: string, absolute: string): string {
  const relative = path.relative(folder, absolute);
  if (relative === ".." || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative)) {
    throw new FileProblem("lies outside the folder of the configuration");
  }
  return absolute;
}

async function real(absolute: string): Promise<string> {
  try {
    return await realpath(absolute);
  } catch (error) {
    throw problemOf(error);
  }
}

function problemOf(error: unknown): Error {
  if (error instanceof FileProblem) return error;
  const code = systemCode(error);
  if (code === "") return error as Error;
  if (code === "ENOENT") return new FileProblem("is not there", { cause: error });
  if (code === "ELOOP")
    return new FileProblem("is a symbolic link that leads back to itself (ELOOP)", { cause: error });
  return new FileProblem(`cannot be read: ${describeSystemError(error)}`, { cause: error });
}

/** As a user would write it: relative to the folder the command was started in, with slashes. */
export function displayPath(absolute: string): string {
  const relative = path.relative(process.cwd(), absolute);
  const name = relative.startsWith("..") || path.isAbsolute(relative) ? absolute : relative;
  return name.replaceAll(path.sep, "/");
}

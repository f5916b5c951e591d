import type { Stats } from "node:fs";
import { lstatSync, mkdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { isMainThread, threadId } from "node:worker_threads";
import { SnowshedError } from "../errors.ts";

/** What a path of a socket may have in bytes: `sun_path`, with its final zero. A longer one would be cut off silently. */
const longestPath = process.platform === "linux" ? 107 : 103;

/**
 * The folder in which the processes of this user have their sockets: `$XDG_RUNTIME_DIR/snowshed` if that variable leads
 * to a folder of this user, else one in the temporary folder that is named with the number of the user.
 *
 * @internal
 */
export function socketFolder(): string {
  const uid = process.geteuid?.() ?? 0;
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  // After `sudo -E` or `su` the variable may lead to the folder of another user.
  if (runtime !== undefined && path.isAbsolute(runtime) && ownerOf(runtime) === uid) {
    return path.join(runtime, "snowshed");
  }
  return path.join(tmpdir(), `snowshed-${uid}`);
}

/**
 * What the socket of this thread is called: `<pid>.sock`, in a worker thread `<pid>-<thread>.sock`; on Windows a pipe.
 *
 * @internal
 */
export function socketPath(folder: string): string {
  const name = isMainThread ? String(process.pid) : `${process.pid}-${threadId}`;
  if (process.platform === "win32") return String.raw`\\.\pipe\snowshed-${name}`;
  const address = path.join(folder, `${name}.sock`);
  if (Buffer.byteLength(address) > longestPath) {
    throw new SnowshedError(
      "SNOWSHED_LISTEN_FAILED",
      `the path of the socket, ${address}, is longer than the ${longestPath} bytes that this system takes`,
    );
  }
  return address;
}

/**
 * Makes the folder if it is not there, and sees to it that nobody else can put anything in it or in its place.
 *
 * @internal
 */
export function makePrivateFolder(folder: string): void {
  const refuse = (reason: string): never => {
    throw new SnowshedError("SNOWSHED_LISTEN_FAILED", `the folder ${folder} is not used for a socket: ${reason}`);
  };
  const uid = process.geteuid?.() ?? 0;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") {
      throw new SnowshedError("SNOWSHED_LISTEN_FAILED", `cannot make the folder ${folder}: ${message}`, {
        cause: error,
      });
    }
  }
  const above = statSync(path.dirname(folder));
  // Who may rename entries there could put another folder in the place of the one that is checked below.
  if (above.uid !== uid && above.uid !== 0) refuse(`the one above it belongs to user ${above.uid}`);
  if ((above.mode & 0o022) !== 0 && (above.mode & 0o1000) === 0) refuse("others may replace it");
  const found = lstatSync(folder);
  if (found.isSymbolicLink()) refuse("it is a symbolic link");
  if (!found.isDirectory()) refuse("it is no folder");
  if (found.uid !== uid) refuse(`it belongs to user ${found.uid}, not to user ${uid}`);
  if ((found.mode & 0o077) !== 0) refuse(`others may open it (mode ${modeOf(found)}); chmod 700 makes it private`);
}

function ownerOf(folder: string): number | undefined {
  try {
    const found = statSync(folder);
    return found.isDirectory() ? found.uid : undefined;
  } catch {
    return undefined;
  }
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

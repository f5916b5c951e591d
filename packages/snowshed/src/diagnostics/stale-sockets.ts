import { readdirSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import process from "node:process";

/** More entries than that are not looked at: a start must not take long because of what others left behind. */
const mostEntries = 1000;

/** Removes the sockets of processes that have ended without doing so, such as those that were killed. @internal */
export async function removeStaleSockets(folder: string): Promise<void> {
  let names: string[];
  try {
    names = readdirSync(folder).slice(0, mostEntries);
  } catch {
    return;
  }
  for (const name of names) {
    const [, pid] = /^(\d{1,10})(?:-\d+)?\.sock$/.exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) await removeIfUnheard(path.join(folder, name));
  }
}

/**
 * Removes a socket that nobody listens on; false: somebody does. A process of another container may have a number that
 * is free here, so the number alone does not decide.
 *
 * @internal
 */
export async function removeIfUnheard(address: string): Promise<boolean> {
  if (await isHeard(address)) return false;
  try {
    unlinkSync(address);
  } catch {
    // It is gone already, or not ours to remove: whoever listens next hears of it.
  }
  return true;
}

function isHeard(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Refused: no process has it open. Anything else, such as a full queue, says that one does.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

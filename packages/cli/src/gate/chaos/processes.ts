import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { Endpoint } from "./targets.ts";
import { ChaosRefusal, endpointText } from "./targets.ts";

/**
 * When a process started, by the kernel's count: the number of a process is used again, this pair is not. Null when there
 * is none; empty where there is no /proc to ask.
 */
export function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in brackets, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : fields[19]!;
  } catch {
    if (process.platform === "linux") return null;
  }
  try {
    process.kill(pid, 0);
    return "";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "" : null;
  }
}

/** A process that a fault may never be injected into: the first of all, this one, and what started it. */
export function checkProcess(pid: number): void {
  if (!Number.isSafeInteger(pid) || pid <= 1)
    throw new ChaosRefusal(`${pid} is no process that a fault may be injected into`);
  if (pid === process.pid || pid === process.ppid) throw new ChaosRefusal(`the process ${pid} runs this gate`);
  if (startTime(pid) === null) throw new Error(`there is no process ${pid}`);
}

/** The process that listens at a port of this machine. Linux only. */
export function listenerOf(endpoint: Endpoint): number {
  const inodes = new Set<string>();
  for (const table of ["tcp", "tcp6"]) {
    for (const line of read(`/proc/net/${table}`).split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const port = Number.parseInt(local?.split(":")[1] ?? "", 16);
      if (state === "0A" && port === endpoint.port && inode !== undefined) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) throw new Error(`nothing listens at ${endpointText(endpoint)} on this machine`);
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name) && holdsOne(`/proc/${name}/fd`, inodes)) return Number(name);
  }
  throw new Error(`the process that listens at ${endpointText(endpoint)} belongs to another user`);
}

function holdsOne(folder: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(folder).some((fd) => {
      try {
        return inodes.has(readlinkSync(`${folder}/${fd}`));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

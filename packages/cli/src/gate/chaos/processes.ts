import { lookup } from "node:dns/promises";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isIP, SocketAddress } from "node:net";
import { networkInterfaces } from "node:os";
import process from "node:process";
import type { Endpoint } from "./targets.ts";
import { ChaosRefusal, endpointText, isLoopback } from "./targets.ts";

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

/** The process that listens at an address of this machine. Linux only. */
export async function listenerOf(endpoint: Endpoint): Promise<number> {
  const { host, port } = endpoint;
  const addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
  const own = addresses.filter(isOwn).map(canonical);
  if (own.length === 0) throw new Error(`${host} is no address of this machine`);
  // Listening on all addresses of IPv6 may mean all of IPv4, too.
  const wanted = new Set([...own, "0.0.0.0", "::"]);
  const inodes = new Set<string>();
  for (const table of ["tcp", "tcp6"]) {
    for (const line of read(`/proc/net/${table}`).split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      const [address = "", digits = ""] = local.split(":");
      if (state !== "0A" || Number.parseInt(digits, 16) !== port || inode === undefined) continue;
      if (wanted.has(addressOf(address))) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) throw new Error(`nothing listens at ${endpointText(endpoint)} on this machine`);
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name) && holdsOne(`/proc/${name}/fd`, inodes)) return Number(name);
  }
  throw new Error(`the process that listens at ${endpointText(endpoint)} belongs to another user`);
}

function isOwn(address: string): boolean {
  if (isLoopback(address)) return true;
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.some((each) => canonical(each.address) === canonical(address));
}

/** The kernel writes words of four bytes, each in the order of the machine: 0100007F is 127.0.0.1. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  return canonical((bytes.join("").match(/.{4}/g) ?? []).join(":"));
}

/** One way of writing each: `::ffff:127.0.0.1` is 127.0.0.1. */
function canonical(address: string): string {
  if (isIP(address) !== 6) return address;
  const text = new SocketAddress({ address, family: "ipv6" }).address;
  return text.replace(/^::ffff:(?=\d+\.)/, "");
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

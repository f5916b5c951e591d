import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LiveReading } from "./live-facts.ts";
import { liveFacts, notAsked } from "./live-facts.ts";

/** What rules ask of the kernel. */
const kernelSettings: readonly string[] = [
  "net.core.somaxconn",
  "net.ipv4.tcp_tw_reuse",
  "net.ipv4.tcp_tw_recycle",
  "net.ipv4.tcp_max_syn_backlog",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "vm.swappiness",
  "vm.overcommit_memory",
  "vm.max_map_count",
  "fs.file-max",
  "fs.nr_open",
];

export interface KernelOptions {
  /** Default: `/`. */
  readonly root?: string;
  /** Counters are read twice, so long apart: since the start of the machine they say nothing of now. */
  readonly sampleMs: number;
  readonly signal: AbortSignal;
  /** More settings, such as those of kernel.expect. */
  readonly settings?: readonly string[];
}

/** Reads /proc and /sys of the machine the gate runs on. */
export async function askKernel({ root = "/", sampleMs, signal, settings = [] }: KernelOptions): Promise<LiveReading> {
  const server = "this machine";
  const read = (name: string): Promise<string | undefined> =>
    readFile(path.join(root, name), "utf8").then(
      (text) => text.trim(),
      () => undefined,
    );
  const values: Record<string, string | number | undefined> = {};
  const wanted = [...new Set([...kernelSettings, ...settings])];
  for (const name of wanted) {
    // A name of kernel.expect must not lead out of /proc/sys.
    if (name.split(/[./]/).includes("")) continue;
    values[name] = (await read(`proc/sys/${name.replaceAll(".", "/")}`))?.replaceAll(/\s+/g, " ");
  }
  if (Object.values(values).every((value) => value === undefined)) {
    return notAsked(server, "there is no /proc/sys: is it Linux?");
  }
  const before = countersOf(await read("proc/net/netstat"));
  if (before.size > 0) await sleep(sampleMs, undefined, { signal }).catch(() => {});
  const after = countersOf(await read("proc/net/netstat"));
  for (const name of ["ListenOverflows", "ListenDrops", "TCPTimeWaitOverflow"]) {
    const [first, second] = [before.get(name), after.get(name)];
    if (first !== undefined && second !== undefined) values[`delta.${name}`] = second - first;
  }
  const sockets = await read("proc/net/sockstat");
  values["sockets.tw"] = /^TCP:.*\btw (\d+)/m.exec(sockets ?? "")?.[1];
  values["memory.swap-total-kb"] = /^SwapTotal:\s+(\d+)/m.exec((await read("proc/meminfo")) ?? "")?.[1];
  values["files.open"] = /^(\d+)/.exec((await read("proc/sys/fs/file-nr")) ?? "")?.[1];
  values["limit.nofile"] = /^Max open files\s+(\S+)/m.exec((await read("proc/self/limits")) ?? "")?.[1];
  const pages = await read("sys/kernel/mm/transparent_hugepage/enabled");
  values["transparent-huge-pages"] = /\[(\w+)\]/.exec(pages ?? "")?.[1];
  return { facts: liveFacts("kernel", server, ["kernel"], values), notes: [] };
}

/** /proc/net/netstat: a line of names and a line of numbers for each group. */
function countersOf(text: string | undefined): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  const lines = (text ?? "").split("\n");
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const names = lines[index]!.trim().split(/\s+/);
    const numbers = lines[index + 1]!.trim().split(/\s+/);
    for (const [place, name] of names.entries()) counters.set(name, Number(numbers[place]));
  }
  return counters;
}

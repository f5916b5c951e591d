import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerPrograms } from "./server-programs.ts";
import { findOrInstall, freePort, searchPath } from "./server-programs.ts";

const programs: ServerPrograms = {
  server: "etcd",
  names: ["etcd"],
  places: () => [...searchPath(), "/usr/local/bin", "/opt/homebrew/bin"],
  packages: ["etcd-server"],
};

export interface EtcdMember {
  readonly port: number;
  /** `host:port`. */
  readonly endpoint: string;
  /** Calls the JSON gateway of this member: the other way in, for the test to see and do things by. */
  readonly gateway: <T = object>(path: string, body?: object) => Promise<T>;
  /** Whether it leads the cluster. */
  readonly leads: () => Promise<boolean>;
  /** kill -9. Resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Starts it again, where it was. Resolves when it answers. */
  readonly start: () => Promise<void>;
  /** SIGSTOP: it keeps its connections, and says nothing. */
  readonly stop: () => void;
  readonly cont: () => void;
}

export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly endpoints: readonly string[];
  /** Of a member that answers. */
  readonly gateway: EtcdMember["gateway"];
  readonly leader: () => Promise<EtcdMember>;
  /** What is below a prefix: keys and values. */
  readonly keys: (prefix: string) => Promise<ReadonlyMap<string, string>>;
  /** Ends it and removes its data. */
  readonly remove: () => Promise<void>;
}

/** The directory of the programs, which are installed if need be. */
export function findEtcd(): Promise<string> {
  return findOrInstall(programs);
}

const deadline = 60_000;

/** Polls until `condition` holds. */
export async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const end = Date.now() + deadline;
  let failure: unknown;
  while (Date.now() < end) {
    try {
      if (await condition()) return;
    } catch (error) {
      failure = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited ${deadline} ms: ${what}`, { cause: failure });
}

export const base64 = (text: string): string => Buffer.from(text).toString("base64");
const plain = (text: string = ""): string => Buffer.from(text, "base64").toString();

interface Place {
  readonly name: string;
  readonly port: number;
  readonly peerPort: number;
}

function memberOf(program: string, place: Place, places: readonly Place[], data: string): EtcdMember {
  const url = `http://127.0.0.1:${place.port}`;
  const peers = places.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`).join(",");
  let child: ChildProcess | null = null;
  let gone: Promise<void> = Promise.resolve();

  // Of several, another one can be asked.
  const patience = places.length > 1 ? 2000 : 30_000;
  const ask = async <T>(path: string, body: object, timeout: number): Promise<T> => {
    const signal = AbortSignal.timeout(timeout);
    const response = await fetch(`${url}/v3/${path}`, { method: "POST", body: JSON.stringify(body), signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  };
  const gateway = <T>(path: string, body: object = {}): Promise<T> => ask<T>(path, body, patience);

  const start = async (): Promise<void> => {
    const peerUrl = `http://127.0.0.1:${place.peerPort}`;
    const args = ["--name", place.name, "--data-dir", data, "--logger", "zap", "--log-level", "error"];
    args.push("--listen-client-urls", url, "--advertise-client-urls", url);
    args.push("--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl);
    args.push("--initial-cluster", peers, "--initial-cluster-state", "new");
    const end = Date.now() + deadline;
    for (;;) {
      const started = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
      child = started;
      let said = "";
      started.stderr.on("data", (chunk: Buffer) => {
        said = `${said}${String(chunk)}`.slice(-4000);
      });
      let isGone = false;
      gone = new Promise((resolve) => {
        started.on("close", () => {
          isGone = true;
          resolve();
        });
      });
      const answers = async (): Promise<boolean> => {
        if (isGone) return true;
        const { leader } = await ask<{ readonly leader?: string }>("maintenance/status", {}, 2000);
        return leader !== undefined && leader !== "0" && !isGone;
      };
      await until(answers, "etcd answers, and has a leader");
      if (!isGone) return;
      // Somebody else may have been given a port while nobody had it.
      if (!/in use/i.test(said) || Date.now() > end) throw new Error(`etcd ended:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  return {
    port: place.port,
    endpoint: `127.0.0.1:${place.port}`,
    gateway,
    leads: async () => {
      const status = await gateway<{ readonly leader: string; readonly header: { readonly member_id: string } }>(
        "maintenance/status",
      );
      return status.leader === status.header.member_id;
    },
    kill: async () => {
      child?.kill("SIGKILL");
      child = null;
      await gone;
    },
    start,
    stop: () => void child?.kill("SIGSTOP"),
    cont: () => void child?.kill("SIGCONT"),
  };
}

/** An etcd of its own for the test, of one member or three, on free ports of this machine. */
export async function startEtcd({ members: count = 1 }: { readonly members?: 1 | 3 } = {}): Promise<EtcdCluster> {
  const program = join(await findEtcd(), "etcd");
  // Where there is a disk in memory: what is tested is not how fast this machine's is.
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "snowshed-etcd-"));
  const places: Place[] = [];
  for (let index = 0; index < count; index++) {
    places.push({ name: `m${index}`, port: await freePort(), peerPort: await freePort() });
  }
  const members = places.map((place) => memberOf(program, place, places, join(directory, place.name)));
  const remove = async (): Promise<void> => {
    process.off("exit", abandon);
    await Promise.all(members.map((member) => member.kill()));
    rmSync(directory, { recursive: true, force: true });
  };
  // Where a run of tests is broken off.
  const abandon = (): void => void remove();
  process.once("exit", abandon);
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await remove();
    throw error;
  }
  const gateway = async <T>(path: string, body: object = {}): Promise<T> => {
    let failure: unknown;
    for (const member of members) {
      try {
        return await member.gateway<T>(path, body);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
  return {
    members,
    endpoints: members.map(({ endpoint }) => endpoint),
    gateway,
    leader: async () => {
      let found: EtcdMember | undefined;
      const finds = async (): Promise<boolean> => {
        for (const member of members) if (await member.leads().catch(() => false)) found = member;
        return found !== undefined;
      };
      await until(finds, "a member leads");
      return found!;
    },
    keys: async (prefix) => {
      const range = { key: base64(prefix), range_end: base64(`${prefix.slice(0, -1)}0`) };
      const answer = await gateway<{ readonly kvs?: readonly { readonly key: string; readonly value?: string }[] }>(
        "kv/range",
        range,
      );
      return new Map((answer.kvs ?? []).map(({ key, value }) => [plain(key), plain(value)]));
    },
    remove,
  };
}

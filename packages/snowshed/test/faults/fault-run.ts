// Several real processes on one semaphore of a real Redis, each behind a proxy of its own, and things that go wrong.
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/redis.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import { startProxy } from "../support/tcp-proxy.ts";
import { FencedResource } from "./fenced-resource.ts";
import type { Disturbance, Fenced, History, Request } from "./history.ts";

const program = fileURLToPath(new URL("semaphore-worker.mjs", import.meta.url));

const permits = 3;
const lease = 1000;
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Message =
  | { readonly kind: "ready" | "done" }
  | { readonly kind: "invoked"; readonly id: string; readonly weight: number; readonly at: number }
  | { readonly kind: "granted"; readonly id: string; readonly fences: readonly TextFence[]; readonly at: number }
  | { readonly kind: "refused"; readonly id: string; readonly code: string; readonly at: number }
  | { readonly kind: "ended"; readonly id: string; readonly at: number }
  | { readonly kind: "write"; readonly fences: readonly TextFence[]; readonly at: number };

interface TextFence {
  readonly slot: number;
  readonly token: string;
}

type Draft = { -readonly [Key in keyof Request]: Request[Key] };

/** A process and its way to the server. */
class Worker {
  readonly name: string;
  readonly proxy: TcpProxy;
  readonly requests = new Map<string, Draft>();
  readonly #resource: FencedResource;
  readonly #start: () => ChildProcess;
  child: ChildProcess;
  isReady = false;
  isDone = false;
  readonly codes = new Map<string, number>();

  constructor(name: string, proxy: TcpProxy, options: object, resource: FencedResource) {
    this.name = name;
    this.proxy = proxy;
    this.#resource = resource;
    const order = JSON.stringify({ port: proxy.port, permits, lease, loops: 3, ...options });
    this.#start = () => fork(program, [order], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.child = this.start();
  }

  start(): ChildProcess {
    this.isReady = false;
    this.isDone = false;
    const child = this.#start();
    child.on("message", (message: Message) => this.#take(message));
    child.on("error", () => {});
    this.child = child;
    return child;
  }

  /** What it held is held no longer: it does not run. */
  stopped(at: number): void {
    for (const request of this.requests.values()) {
      if (request.granted !== undefined) this.#end(request, at);
    }
  }

  #take(message: Message): void {
    switch (message.kind) {
      case "ready":
        this.isReady = true;
        break;
      case "done":
        this.isDone = true;
        break;
      case "write":
        this.#resource.write(fencesOf(message.fences));
        break;
      case "invoked":
        this.requests.set(message.id, { worker: this.name, weight: message.weight, invoked: message.at, fences: [] });
        break;
      case "refused":
        this.codes.set(message.code, (this.codes.get(message.code) ?? 0) + 1);
        break;
      case "granted":
        Object.assign(this.requests.get(message.id)!, { granted: message.at, fences: fencesOf(message.fences) });
        break;
      case "ended":
        this.#end(this.requests.get(message.id)!, message.at);
        break;
    }
  }

  #end(request: Draft, at: number): void {
    request.ended = Math.min(request.ended ?? Number.POSITIVE_INFINITY, at);
  }
}

function fencesOf(fences: readonly TextFence[]): Fenced[] {
  return fences.map(({ slot, token }) => ({ slot, token: BigInt(token) }));
}

/** What can go wrong; each puts all right again before it ends. */
const faults = {
  async none() {
    await sleep(300);
  },
  async kill({ victim }: Scene) {
    const gone = new Promise((resolve) => victim.child.once("exit", resolve));
    const at = now();
    victim.child.kill("SIGKILL");
    await gone;
    victim.stopped(at);
    victim.start();
    await until(() => victim.isReady, "the worker to be back");
  },
  async stop({ victim }: Scene) {
    const at = now();
    victim.child.kill("SIGSTOP");
    await sleep(1.6 * lease);
    victim.stopped(at);
    victim.child.kill("SIGCONT");
    await sleep(300);
  },
  async cut({ victim }: Scene) {
    victim.proxy.cut();
    await sleep(1.3 * lease);
    victim.proxy.restore();
    await sleep(300);
  },
  async silence({ victim }: Scene) {
    victim.proxy.halfOpen();
    await sleep(1.3 * lease);
    victim.proxy.restore();
    await sleep(300);
  },
  async deaf({ victim }: Scene) {
    victim.proxy.drop("down");
    await sleep(0.7 * lease);
    victim.proxy.restore();
    await sleep(300);
  },
  async slow({ victim }: Scene) {
    victim.proxy.delay(80);
    await sleep(lease);
    victim.proxy.restore();
    await sleep(200);
  },
  async forgetScripts({ server }: Scene) {
    await server.cli("SCRIPT", "FLUSH");
    await sleep(200);
  },
  async dropSubscribers({ server }: Scene) {
    await server.cli("CLIENT", "KILL", "TYPE", "pubsub");
    await sleep(lease);
  },
  async pauseServer({ server }: Scene) {
    await server.cli("CLIENT", "PAUSE", String(0.6 * lease), "ALL").catch(() => {});
    await sleep(0.6 * lease + 300);
  },
};
type Fault = keyof typeof faults;

/** Those that everybody feels. */
const general: ReadonlySet<Fault> = new Set(["forgetScripts", "dropSubscribers", "pauseServer"]);

interface Scene {
  readonly victim: Worker;
  readonly server: RedisServer;
}

export interface FaultRun {
  readonly history: History;
  readonly resource: FencedResource;
  readonly faults: ReadonlyMap<Fault, number>;
  /** With what requests were refused, and how often. */
  readonly codes: ReadonlyMap<string, number>;
  /** What the server knew when all had ended, and waited for two leases. */
  readonly left: { readonly held: number; readonly queued: number };
  /** The most that the server had out at a time, of its own accord. */
  readonly mostHeld: number;
}

/** `rounds` faults in turn, on one of four processes or on all; the third process has a clock that is an hour ahead. */
export async function runFaults(server: RedisServer, name: string, rounds: number): Promise<FaultRun> {
  const resource = new FencedResource();
  const workers: Worker[] = [];
  for (let index = 0; index < 4; index++) {
    const proxy = await startProxy(server.port);
    workers.push(new Worker(`worker ${index}`, proxy, { name, skew: index === 2 ? 3_600_000 : 0 }, resource));
  }
  const client = new Redis(server.port, "127.0.0.1");
  const watcher = new RedisSemaphore(client, name, { permits: 0 });
  const disturbances: Disturbance[] = [];
  const counts = new Map<Fault, number>();
  let mostHeld = 0;
  const watching = setInterval(() => {
    watcher.inspect().then(
      ({ held }) => (mostHeld = Math.max(mostHeld, held)),
      () => {},
    );
  }, 20);
  try {
    await until(() => workers.every(({ isReady }) => isReady), "the workers to begin");
    const kinds = Object.keys(faults) as Fault[];
    for (let round = 0; round < rounds; round++) {
      const kind = kinds[round % kinds.length]!;
      // Another one each time the kind comes round.
      const victim = workers[(round + Math.floor(round / kinds.length)) % workers.length]!;
      const from = now();
      await faults[kind]({ victim, server });
      // What it did may still be felt when it is over: by who was sent away and comes again.
      disturbances.push({ worker: general.has(kind) ? undefined : victim.name, from, to: now() + lease });
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const { child } of workers) child.send("end");
    await until(() => workers.every(({ isDone }) => isDone), "the workers to end");
    await sleep(2 * lease);
    const { held, queued } = await watcher.inspect();
    const requests = workers.flatMap((worker) => [...worker.requests.values()]);
    const codes = new Map<string, number>();
    for (const worker of workers) {
      for (const [code, count] of worker.codes) codes.set(code, (codes.get(code) ?? 0) + count);
    }
    return {
      history: { permits, requests, disturbances },
      resource,
      faults: counts,
      codes,
      left: { held, queued },
      mostHeld,
    };
  } finally {
    clearInterval(watching);
    for (const { child } of workers) child.kill("SIGKILL");
    await watcher.close().catch(() => {});
    client.disconnect();
    await Promise.all(workers.map(({ proxy }) => proxy.stop()));
  }
}

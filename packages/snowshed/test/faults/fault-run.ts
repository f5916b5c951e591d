// Several real processes on one semaphore of a real Redis, each behind a proxy of its own, and things that go wrong.
import { Redis } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/redis.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import { startProxy } from "../support/tcp-proxy.ts";
import { FencedResource } from "./fenced-resource.ts";
import type { Disturbance, History } from "./history.ts";
import { codesOf, lease, now, permits, sleep, Worker } from "./worker.ts";

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
  async cut({ proxy }: Scene) {
    proxy.cut();
    await sleep(1.3 * lease);
    proxy.restore();
    await sleep(300);
  },
  async silence({ proxy }: Scene) {
    proxy.halfOpen();
    await sleep(1.3 * lease);
    proxy.restore();
    await sleep(300);
  },
  async deaf({ proxy }: Scene) {
    proxy.drop("down");
    await sleep(0.7 * lease);
    proxy.restore();
    await sleep(300);
  },
  async slow({ proxy }: Scene) {
    proxy.delay(80);
    await sleep(lease);
    proxy.restore();
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
  /** Its way to the server. */
  readonly proxy: TcpProxy;
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
  const proxies = await Promise.all(Array.from({ length: 4 }, () => startProxy(server.port)));
  const workers = proxies.map(({ port }, index) => {
    const topology = { kind: "single", port };
    return new Worker(`worker ${index}`, { topology, name, skew: index === 2 ? 3_600_000 : 0 }, resource);
  });
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
      const index = (round + Math.floor(round / kinds.length)) % workers.length;
      const [victim, proxy] = [workers[index]!, proxies[index]!];
      const from = now();
      await faults[kind]({ victim, proxy, server });
      // What it did may still be felt when it is over: by who was sent away and comes again.
      disturbances.push({ worker: general.has(kind) ? undefined : victim.name, from, to: now() + lease });
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const { child } of workers) child.send("end");
    await until(() => workers.every(({ isDone }) => isDone), "the workers to end");
    await sleep(2 * lease);
    const { held, queued } = await watcher.inspect();
    const requests = workers.flatMap((worker) => [...worker.requests.values()]);
    const codes = codesOf(workers);
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
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}

// Several real processes on one semaphore of three real members of etcd, each with proxies of its own, and things that go
// wrong.
import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
import type { EtcdCluster } from "../support/etcd.ts";
import { until } from "../support/etcd.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import { startProxy } from "../support/tcp-proxy.ts";
import { FencedResource } from "./fenced-resource.ts";
import type { Disturbance, History } from "./history.ts";
import { codesOf, leftOf, now, permits, sleep, Worker } from "./worker.ts";

/** The shortest there is. */
const lease = 2000;

interface Scene {
  readonly victim: Worker;
  /** Its ways to the members. */
  readonly proxies: readonly TcpProxy[];
  readonly cluster: EtcdCluster;
  readonly watcher: EtcdSemaphore;
}

interface Answered {
  readonly header: { readonly revision: string };
}

/** What can go wrong; each puts all right again before it ends. */
const faults = {
  async revoke({ victim, cluster, watcher }: Scene) {
    const { holders, waiters } = await watcher.inspect();
    const owner = `:${victim.child.pid}`;
    const its = [...holders, ...waiters].find((each) => each.owner.endsWith(owner));
    if (its === undefined) return;
    const from = now();
    const { header } = await cluster.gateway<Answered>("lease/revoke", {
      ID: String(BigInt(`0x${its.id.split("-")[0]}`)),
    });
    victim.deprived(from, (token) => token <= BigInt(header.revision));
    await sleep(500);
  },
  async compact({ proxies, cluster }: Scene) {
    // While it is away, all that it has missed is forgotten.
    for (const proxy of proxies) proxy.cut();
    await sleep(200);
    const { header } = await cluster.gateway<Answered>("kv/range", { key: "eA==" });
    await cluster.gateway("kv/compaction", { revision: header.revision, physical: true });
    for (const proxy of proxies) proxy.restore();
    await sleep(500);
  },
  async killLeader({ cluster }: Scene) {
    const leader = await cluster.leader();
    await leader.kill();
    await sleep(500);
    await leader.start();
  },
  async cut({ proxies }: Scene) {
    for (const proxy of proxies) proxy.cut();
    await sleep(1.4 * lease);
    for (const proxy of proxies) proxy.restore();
    await sleep(300);
  },
  async stop({ victim }: Scene) {
    const at = now();
    victim.child.kill("SIGSTOP");
    await sleep(1.8 * lease);
    victim.stopped(at);
    victim.child.kill("SIGCONT");
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
  async stopLeader({ cluster }: Scene) {
    const leader = await cluster.leader();
    leader.stop();
    // Until the others have elected another one.
    const isReplaced = async (): Promise<boolean> => {
      const leads = await Promise.all(
        cluster.members.filter((member) => member !== leader).map((member) => member.leads().catch(() => false)),
      );
      return leads.includes(true);
    };
    try {
      await until(isReplaced, "another leader");
      await sleep(500);
    } finally {
      leader.cont();
    }
  },
  async silence({ proxies }: Scene) {
    for (const proxy of proxies) proxy.halfOpen();
    await sleep(1.4 * lease);
    for (const proxy of proxies) proxy.restore();
    await sleep(300);
  },
  async slow({ proxies }: Scene) {
    for (const proxy of proxies) proxy.delay(80);
    await sleep(lease);
    for (const proxy of proxies) proxy.restore();
    await sleep(200);
  },
  async deaf({ proxies }: Scene) {
    for (const proxy of proxies) proxy.drop("down");
    await sleep(0.7 * lease);
    for (const proxy of proxies) proxy.restore();
    await sleep(300);
  },
  async takeAway({ victim, watcher }: Scene) {
    const { holders } = await watcher.inspect();
    const its = holders.find(({ owner }) => owner.endsWith(`:${victim.child.pid}`));
    if (its === undefined) return;
    const from = now();
    await watcher.releaseHolder(its.id);
    victim.deprived(from, (token) => token === its.fence.token);
    await sleep(300);
  },
  async none() {
    await sleep(500);
  },
};
type Fault = keyof typeof faults;

/** Those that everybody feels. */
const general: ReadonlySet<Fault> = new Set(["killLeader", "stopLeader"]);

export interface EtcdFaultRun {
  readonly history: History;
  readonly resource: FencedResource;
  readonly faults: ReadonlyMap<Fault, number>;
  /** With what requests were refused, and how often. */
  readonly codes: ReadonlyMap<string, number>;
  /** What the server knew when all had ended, and waited for a while. */
  readonly left: { readonly held: number; readonly queued: number };
  /** The most that the server had out at a time, of its own accord. */
  readonly mostHeld: number;
  /** What was done when, and to whom. */
  readonly log: string;
}

/** `rounds` faults in turn, on one of four processes or on all; the third process has a clock that is an hour ahead. */
export async function runEtcdFaults(cluster: EtcdCluster, name: string, rounds: number): Promise<EtcdFaultRun> {
  const resource = new FencedResource();
  const ways = await Promise.all(
    Array.from({ length: 4 }, () => Promise.all(cluster.members.map(({ port }) => startProxy(port)))),
  );
  const workers = ways.map((proxies, index) => {
    const topology = { kind: "etcd", endpoints: proxies.map(({ port }) => `127.0.0.1:${port}`) };
    return new Worker(`worker ${index}`, { topology, name, lease, skew: index === 2 ? 3_600_000 : 0 }, resource);
  });
  const client = new EtcdClient({ endpoints: cluster.endpoints, timeout: "10s" });
  const watcher = new EtcdSemaphore(client, name, { permits });
  const disturbances: Disturbance[] = [];
  const counts = new Map<Fault, number>();
  const log: string[] = [];
  let mostHeld = 0;
  const watching = setInterval(() => {
    watcher.inspect().then(
      ({ held }) => (mostHeld = Math.max(mostHeld, held)),
      () => {},
    );
  }, 50);
  try {
    await until(() => workers.every(({ isReady }) => isReady), "the workers to begin");
    const kinds = Object.keys(faults) as Fault[];
    for (let round = 0; round < rounds; round++) {
      const kind = kinds[round % kinds.length]!;
      // Another one each time the kind comes round.
      const index = (round + Math.floor(round / kinds.length)) % workers.length;
      const victim = workers[index]!;
      const from = now();
      await faults[kind]({ victim, proxies: ways[index]!, cluster, watcher });
      // What it did may still be felt when it is over: by who was sent away and comes again.
      disturbances.push({ worker: general.has(kind) ? undefined : victim.name, from, to: now() + lease });
      log.push(`${kind}, ${victim.name}: ${from.toFixed(0)} to ${now().toFixed(0)}`);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const { child } of workers) child.send("end");
    await until(() => workers.every(({ isDone }) => isDone), "the workers to end");
    const left = await leftOf(() => watcher.inspect(), lease);
    const requests = workers.flatMap((worker) => [...worker.requests.values()]);
    return {
      // Two whose turn has come claim their slots each for itself. And what puts a place into the queue is a write of most
      // members, which may take a while.
      history: { permits, requests, disturbances, together: 200, margin: 1000 },
      resource,
      faults: counts,
      codes: codesOf(workers),
      left,
      mostHeld,
      log: log.join("\n"),
    };
  } finally {
    clearInterval(watching);
    for (const { child } of workers) child.kill("SIGKILL");
    await watcher.close().catch(() => {});
    await client.close();
    await Promise.all(ways.flat().map((proxy) => proxy.stop()));
  }
}

import type { Preset } from "../config/presets/preset.ts";
import type { Store, WorkloadConfig, WorkloadNeed } from "../config/workload-section.ts";
import { adviseOn, storeNames } from "./tree.ts";

/** Another store that would serve, and why. The leaf of the tree stays what it is. */
export interface Alternative {
  readonly store: Store;
  readonly name: string;
  readonly reason: string;
}

/** What the answers ask for that the leaf does not give. */
export interface Conflict {
  /** `conflict`: no leaf of the tree gives it. `unmet`: another store would. `caveat`: known limits of the leaf. */
  readonly kind: "conflict" | "unmet" | "caveat";
  readonly message: string;
}

/** Above this, one PostgreSQL or one etcd is not what to plan with. */
const postgresWrites = 5000;
const jetStreamWrites = 100_000;
const rabbitWrites = 20_000;
/** etcd refuses larger requests: --max-request-bytes. */
export const etcdRequestBytes: number = 1.5 * 1024 * 1024;

/** Where two of the answers ask for what no leaf, or not this one, gives. Of the eight paths all but one say something. */
export function conflictsOf(workload: WorkloadConfig, preset: Preset): readonly Conflict[] {
  const { leaf } = adviseOn(workload, preset);
  const strict = workload.ordering === "strict";
  const strong = workload.consistency === "linearizable";
  switch (leaf) {
    case "redis-sentinel":
      return strict
        ? [conflict("unmet", "Redis Sentinel may lose the last writes in a failover, and their order with them")]
        : [];
    case "etcd":
      return [
        conflict("caveat", "etcd takes requests of at most 1.5 MiB and a database of at most 8 GiB"),
        ...(strict
          ? [conflict("caveat", "order is by revision, and old revisions are compacted: no long replay")]
          : []),
      ];
    case "redis-cluster": {
      const lost = "replication is asynchronous: a failover may lose writes that were acknowledged";
      if (!strong) return [conflict("caveat", `${lost}; what belongs together needs one hash tag`)];
      const way = "keep what must be consistent (locks, owners, versions) in etcd and the data in the cluster";
      return [conflict("conflict", `no leaf gives strong consistency at this rate: ${lost}. Split it: ${way}`)];
    }
    case "kafka": {
      const order = "order is that of a partition: one key, one partition";
      if (!strong) return [conflict("caveat", `${order}; a global order means a single partition`)];
      const durable =
        "acks=all with min.insync.replicas=2 gives a durable order, not a read that sees the latest write";
      return [conflict("conflict", `no leaf gives strong consistency at this rate: ${durable}`)];
    }
  }
}

/** Stores the tree does not know, for workloads that fit them. */
export function alternativesTo(workload: WorkloadConfig, preset: Preset): readonly Alternative[] {
  const { leaf } = adviseOn(workload, preset);
  const { writesPerSecond, ordering, orderingScope, consistency, needs = [] } = workload;
  const strict = ordering === "strict";
  const asks = (...names: WorkloadNeed[]): boolean => names.some((name) => needs.includes(name));
  // What is asked to be linearizable is not had from a queue, nor from a replica that may lag: of these Postgres alone.
  const found: (Omit<Alternative, "name"> | false)[] = [
    writesPerSecond <= postgresWrites &&
      (asks("transactions") || strict || consistency === "linearizable") && {
        store: "postgres",
        reason: `up to about ${postgresWrites} writes per second it gives transactions, an outbox, a total order and advisory locks with one server that is often there already`,
      },
    writesPerSecond <= jetStreamWrites &&
      consistency === "eventual" &&
      (strict || asks("work-queue", "replay", "fan-out", "watch")) && {
        store: "nats",
        reason: "order and replay for each subject, work queues and a key-value store with little to operate",
      },
    writesPerSecond <= rabbitWrites &&
      consistency === "eventual" &&
      asks("routing", "priority", "work-queue") && {
        store: "rabbitmq",
        reason: "routing, priorities and an acknowledgement for each message",
      },
    writesPerSecond <= preset.highWritesPerSecond &&
      consistency === "eventual" &&
      (strict || asks("replay", "fan-out", "work-queue")) && {
        store: "redis-streams",
        reason: "an ordered log with consumer groups in the Redis that is there; a failover may lose its end",
      },
    leaf !== "kafka" &&
      strict &&
      consistency === "eventual" &&
      orderingScope !== "global" && {
        store: "kafka",
        reason: "keeps the order of each key across a failover",
      },
  ];
  return found
    .filter((each) => each !== false)
    .map(({ store, reason }) => ({ store, name: storeNames[store], reason }));
}

function conflict(kind: Conflict["kind"], message: string): Conflict {
  return { kind, message };
}

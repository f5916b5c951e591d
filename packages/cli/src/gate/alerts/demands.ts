import type { Config } from "../config/config.ts";
import type { FixtureSeries, Labels, Mandatory } from "./alert.ts";
import { diskBounds } from "./expressions.ts";
import { histogram, steady } from "./fixtures.ts";
import type { AlertVariables } from "./variables.ts";

/** An alert that must be there, told by what it does: it fires on `bad` and is silent on `good`. */
export interface Demand {
  readonly id: Mandatory;
  /** Which store has to be in use for it. */
  readonly store: "etcd" | "redis";
  /** The metrics a rule must ask for to be considered at all. */
  readonly metrics: readonly string[];
  readonly what: string;
  bad(labels: Labels, variables: AlertVariables): readonly FixtureSeries[];
  good(labels: Labels, variables: AlertVariables): readonly FixtureSeries[];
  /** Where a limit is not set at all; a rule that fires then never stops. */
  unset?(labels: Labels): readonly FixtureSeries[];
}

function ofDisk(id: Mandatory, metric: string, what: string, limit: (variables: AlertVariables) => number): Demand {
  const at = (labels: Labels, value: number): FixtureSeries[] => {
    const sum = steady(`${metric}_sum`, labels, 0);
    return [...histogram(metric, labels, { bounds: diskBounds, quantile: 0.99, value }), sum];
  };
  return {
    id,
    store: "etcd",
    metrics: [metric],
    what,
    // 1.2 s with the article's limit of 1 s: what nobody noticed for 23 minutes.
    bad: (labels, variables) => at(labels, Math.min(limit(variables) * 1.2, 8.1)),
    good: (labels) => at(labels, 0.005),
  };
}

function ofMemory(labels: Labels, share: number): readonly FixtureSeries[] {
  return [steady("redis_memory_used_bytes", labels, share * 1e9), steady("redis_memory_max_bytes", labels, 1e9)];
}

export const demands: readonly Demand[] = [
  ofDisk(
    "etcd-backend-commit",
    "etcd_disk_backend_commit_duration_seconds",
    "one commit of etcd's backend in a hundred takes longer than",
    ({ etcdBackendCommitSeconds }) => etcdBackendCommitSeconds,
  ),
  ofDisk(
    "etcd-wal-fsync",
    "etcd_disk_wal_fsync_duration_seconds",
    "one sync of etcd's write-ahead log in a hundred takes longer than",
    ({ etcdWalFsyncSeconds }) => etcdWalFsyncSeconds,
  ),
  {
    id: "redis-memory",
    store: "redis",
    metrics: ["redis_memory_used_bytes"],
    what: "Redis uses more of maxmemory than",
    bad: (labels, { redisMemoryRatio }) => ofMemory(labels, Math.min(redisMemoryRatio + 0.01, 0.999)),
    good: (labels, { redisMemoryRatio }) => ofMemory(labels, redisMemoryRatio * 0.4),
    unset: (labels) => [steady("redis_memory_used_bytes", labels, 1e6), steady("redis_memory_max_bytes", labels, 0)],
  },
];

/** What is demanded, in words with its number. */
export function demandText({ id, what }: Demand, variables: AlertVariables): string {
  const limits: Readonly<Record<Mandatory, string>> = {
    "etcd-backend-commit": `${variables.etcdBackendCommitSeconds} s`,
    "etcd-wal-fsync": `${variables.etcdWalFsyncSeconds} s`,
    "redis-memory": `${variables.redisMemoryRatio * 100} %`,
  };
  return `${what} ${limits[id]}`;
}

export type StoreInUse = "etcd" | "redis" | "kafka";

/** Of the stores that the configuration names anywhere, those there are alerts for. */
export function storesInUse({ workloads, connections, files }: Config): ReadonlySet<StoreInUse> {
  const used = new Set<StoreInUse>();
  const names = [
    ...Object.values(workloads).map(({ store }) => store),
    ...Object.entries(connections).map(([name, { kind }]) => kind ?? name),
    ...Object.entries(files).flatMap(([name, paths]) => (Array.isArray(paths) && paths.length > 0 ? [name] : [])),
  ];
  for (const name of names) {
    for (const store of ["etcd", "redis", "kafka"] as const)
      if (name === store || name.startsWith(`${store}-`)) used.add(store);
  }
  return used;
}

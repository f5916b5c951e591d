import type { Preset } from "./preset.ts";

/** The article's numbers, exactly, whether or not they fit a given system. */
export const article: Preset = {
  name: "article",
  highWritesPerSecond: 100_000,
  wait: { replicas: 3, timeoutMs: 5000 },
  dedupUnique: ["trace_id", "event_type", "timestamp"],
  maxConnections: { redis: 200, kafka: 50, etcd: 10 },
  maxIdle: 50,
  kernel: {
    any: { "net.core.somaxconn": "=65535" },
    redis: { "net.ipv4.tcp_tw_reuse": "=1" },
    kafka: { "vm.swappiness": "=1" },
    etcd: { "fs.file-max": "=2097152" },
  },
  alerts: {
    etcdBackendCommitSeconds: 1,
    etcdWalFsyncSeconds: 1,
    etcdBackendCommitWarningSeconds: null,
    etcdWalFsyncWarningSeconds: null,
    quantile: 0.99,
    redisMemoryRatio: 0.75,
  },
  chaos: { delayMs: 3000, recoverWithinS: 90 },
  headroom: 0.25,
};

/** Every number that rules compare with. Two sets are shipped; a configuration chooses one with `extends`. */
export interface Preset {
  readonly name: "article" | "recommended";
  /** More writes per second than this is "high throughput" to the decision tree. */
  readonly highWritesPerSecond: number;
  /** `WAIT replicas timeout` after a write whose consistency matters. */
  readonly wait: { readonly replicas: number; readonly timeoutMs: number };
  readonly dedupUnique: readonly string[];
  /** At most so many connections to one server. */
  readonly maxConnections: Readonly<Record<"redis" | "kafka" | "etcd", number>>;
  /** At most so many of a Redis pool's connections idle. */
  readonly maxIdle: number;
  /** By what it is for: the setting and the comparison that must hold. */
  readonly kernel: Readonly<Record<"any" | "redis" | "kafka" | "etcd", Readonly<Record<string, string>>>>;
  readonly alerts: {
    readonly etcdBackendCommitSeconds: number;
    readonly etcdWalFsyncSeconds: number;
    /** Null: the article has none. */
    readonly etcdBackendCommitWarningSeconds: number | null;
    readonly etcdWalFsyncWarningSeconds: number | null;
    readonly quantile: number;
    readonly redisMemoryRatio: number;
  };
  readonly chaos: { readonly delayMs: number; readonly recoverWithinS: number };
  /** Share of the capacity that stays free. */
  readonly headroom: number;
}

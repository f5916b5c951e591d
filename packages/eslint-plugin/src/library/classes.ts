/** The class of the library that a value is of; those without a class of their own by the name of their interface. */
export type Kind =
  | "Channel"
  | "CircuitBreaker"
  | "Context"
  | "EtcdSemaphore"
  | "Fallback"
  | "FileHandles"
  | "Group"
  | "KeyedQuota"
  | "LeasePermit"
  | "LimitPermit"
  | "Limiter"
  | "Permit"
  | "Pipeline"
  | "Pool"
  | "PoolPermit"
  | "Quota"
  | "RedisQuota"
  | "RedisSemaphore"
  | "ReentrantSemaphore"
  | "Semaphore"
  | "WaitGroup";

/** The classes by the name they are imported by. */
export const classes: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...(
    [
      "Channel",
      "CircuitBreaker",
      "Context",
      "EtcdSemaphore",
      "Fallback",
      "FileHandles",
      "Group",
      "KeyedQuota",
      "LeasePermit",
      "LimitPermit",
      "Limiter",
      "Permit",
      "Pipeline",
      "Pool",
      "PoolPermit",
      "Quota",
      "RedisQuota",
      "RedisSemaphore",
      "ReentrantSemaphore",
      "Semaphore",
      "WaitGroup",
    ] as const
  ).map((name) => [name, name] as const),
  ["CancelContext", "Context"],
]);

/** Functions that make one. */
export const makers: ReadonlyMap<string, Kind> = new Map([
  ["guardPool", "Pool"],
  ["pipeline", "Pipeline"],
]);

/** What `permit()` resolves with, and `tryPermit()` returns. Permits of quotas need not be given back. */
export const lent: ReadonlyMap<Kind, Kind> = new Map([
  ["EtcdSemaphore", "LeasePermit"],
  ["FileHandles", "Permit"],
  ["Pool", "PoolPermit"],
  ["RedisSemaphore", "LeasePermit"],
  ["ReentrantSemaphore", "Permit"],
  ["Semaphore", "Permit"],
]);

// What of a Redis client this package needs, so that it depends on none. The rest is looked for where it is used: it
// differs between a client, a Sentinel and a Cluster.

/** A `Redis` or a `Cluster` of ioredis 5 and 6, or of iovalkey. */
export interface IoRedisLike {
  readonly options: object;
  evalsha(sha1: string, keyCount: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
  append(key: string, value: string): Promise<unknown>;
  exists(key: string): Promise<unknown>;
}

/** A client, a Sentinel or a Cluster of node-redis 5 and 6 (the package `redis`), connected by whoever made it. */
export interface NodeRedisLike {
  evalSha(sha1: string, options?: { keys?: string[]; arguments?: string[] }): Promise<unknown>;
  eval(script: string, options?: { keys?: string[]; arguments?: string[] }): Promise<unknown>;
  append(key: string, value: string): Promise<unknown>;
  exists(key: string): Promise<unknown>;
}

/** A client of the user's. It is used, and never closed: subscriptions and the like get connections of their own. */
export type RedisLike = IoRedisLike | NodeRedisLike;

/** A Lua script and its SHA-1, of lua/*-script.ts. @internal */
export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha1: string;
}

/** What everything in this folder asks of Redis, whatever the client is. @internal */
export interface RedisPort {
  /**
   * EVALSHA; on NOSCRIPT, EVAL once. Integers come as numbers, bulk strings as text, nil as null, also with RESP3; with
   * `stringNumbers` of ioredis, integers as text. Rejects with the client's own error. Has no deadline of its own.
   */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** APPEND: how long the value is then. Rejects as `run()` does, and does not try again. */
  append(key: string, value: string): Promise<unknown>;
  /**
   * On a connection of its own, shared by all that subscribe through this client; SSUBSCRIBE where it is a Cluster.
   * Resubscribed after the connection ended, at another server if it moved; what was said in between is lost, and
   * `onRejoin` is called once that is over. Rejects if the first attempt fails, and nothing is left then. Resolves with
   * its end, which never rejects.
   */
  subscribe(channel: string, onMessage: (message: string) => void, onRejoin?: () => void): Promise<() => Promise<void>>;
  /** A Cluster: PUBLISH reaches all nodes, SPUBLISH those of the slot; `subscribe` listens to the latter. */
  readonly isSharded: boolean;
  /** A port on a connection of its own to the master that holds `key`, for WAIT. Connects when it is first used. */
  dedicated(key: string): Promise<DedicatedPort>;
}

/** @internal */
export interface DedicatedPort extends RedisPort {
  /**
   * How many replicas acknowledged, after at most `ms`, what the latest `run()` here wrote. Rejects if the connection
   * that wrote it has ended: on another one the answer would be about nothing.
   */
  wait(count: number, ms: number): Promise<number>;
  close(): Promise<void>;
}

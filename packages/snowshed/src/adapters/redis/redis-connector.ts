import type { Script } from "./port.ts";

/**
 * What is different between the clients: how a script is run on the user's own client, and how another connection is
 * made to the server that a key is at.
 *
 * @internal
 */
export interface RedisConnector {
  readonly isSharded: boolean;
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Asks the client where `key` is, so that it finds out if it does not know. `""` where there is one master only. */
  locate(key: string): Promise<string>;
  /**
   * A connection to the master that `locate(key)` found. It does not reconnect: when it is cut it has ended, so that
   * nobody takes another connection for the one they had.
   */
  connect(key: string, events: ConnectionEvents): Promise<RedisConnection>;
}

/** @internal */
export interface ConnectionEvents {
  onMessage(channel: string, message: string): void;
  /** Once; also when its server says that a channel is somewhere else now. */
  onEnd(): void;
}

/** @internal */
export interface RedisConnection {
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  wait(count: number, ms: number): Promise<number>;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  /** Ends it now; who waits for a reply gets an error. */
  close(): void;
}

/** EVALSHA, and EVAL if the server does not have the script: it was restarted, its scripts were flushed, it is new. @internal */
export async function evaluate(bySha: () => Promise<unknown>, bySource: () => Promise<unknown>): Promise<unknown> {
  try {
    return normalized(await bySha());
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    return normalized(await bySource());
  }
}

/** Clients can be told to answer with buffers, bigints or booleans. */
function normalized(reply: unknown): unknown {
  if (typeof reply === "string" || typeof reply === "number") return reply;
  if (Array.isArray(reply)) return reply.map(normalized);
  if (reply instanceof Uint8Array) return new TextDecoder().decode(reply);
  if (typeof reply === "bigint" || typeof reply === "boolean") return Number(reply);
  return reply ?? null;
}

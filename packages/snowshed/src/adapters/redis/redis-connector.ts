import { systemClock } from "../../clock.ts";
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
  append(key: string, value: string): Promise<unknown>;
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

type Call = () => Promise<unknown>;

/**
 * EVALSHA, and EVAL if the server does not have the script: it was restarted, its scripts were flushed, it is new. Again
 * while the keys are between two servers of a Cluster.
 *
 * @internal
 */
export function evaluate(bySha: Call, bySource: Call): Promise<unknown> {
  let first: Promise<unknown>;
  try {
    first = bySha();
  } catch (error) {
    // A client may throw where it should reject.
    return Promise.reject(error);
  }
  return first.then(normalized, (error: unknown) => evaluateAgain(error, bySha, bySource));
}

/**
 * Their slot is being moved, and they are not all at one place. The last one is what a script says that needs a key again
 * which it has just emptied. Not all clients try again by themselves, and those that do give up after a second or two.
 */
const isBetween = /^ASK\b|\bTRYAGAIN\b|Script attempted to access a non local key/;
/** Between attempts, and how long they go on, in milliseconds. */
const pause = 25;
const longest = 10_000;

async function evaluateAgain(first: unknown, bySha: Call, bySource: Call): Promise<unknown> {
  const until = systemClock.now() + longest;
  let hasScript = true;
  for (let error = first; ;) {
    const said = error instanceof Error ? error.message : "";
    if (hasScript && said.startsWith("NOSCRIPT")) hasScript = false;
    else if (isBetween.test(said) && systemClock.now() < until) {
      await new Promise<void>((resolve) => {
        systemClock.setTimeout(resolve, pause);
      });
    } else throw error;
    try {
      return normalized(await (hasScript ? bySha() : bySource()));
    } catch (next) {
      error = next;
    }
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

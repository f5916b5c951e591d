import { hostname } from "node:os";
import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import { toMillisecondsInRange } from "../../duration.ts";
import { checkInteger, invalidArgument } from "../../errors.ts";
import type { RedisLike } from "./redis-like.ts";

export interface RedisSemaphoreOptions {
  /** How many units may be held at a time, by all processes together: 0 to 10 000. */
  readonly permits: number;
  /**
   * Of `permits`: who comes with a larger number than is known makes its own count hold for all, who comes with a smaller
   * one takes over what is known. Default: 0. `resize()` makes a larger one.
   */
  readonly version?: number | undefined;
  /** How long a permit is held by a process that has gone: 100 ms to 12 h. Default: 30 s. Renewed every third of it. */
  readonly lease?: Duration | undefined;
  /** What the keys begin with. Default: `"snowshed"`. */
  readonly prefix?: string | undefined;
  /** How long an answer of the server is waited for. Default: 5 s. */
  readonly commandTimeout?: Duration | undefined;
  /** A permit is handed out only when so many replicas have it, `timeout` (default 1 s) after it was granted at most. */
  readonly replicas?: { readonly count: number; readonly timeout?: Duration | undefined } | undefined;
  /**
   * A permit that is given back goes to the next caller of this process, `times` times (1 to 100) and for `ms` milliseconds
   * (1 to a third of the lease) at most, without the server being asked. Never past a waiter of another process, from the
   * moment that this one was told of it. Default: off.
   */
  readonly localHandover?: { readonly times: number; readonly ms: number } | undefined;
  /** Another client, like which the connections for messages are made. Default: like `client`. */
  readonly subscriber?: RedisLike | undefined;
  /** Who holds, for people. Default: the name of the machine and the number of the process. */
  readonly owner?: string | undefined;
  readonly clock?: Clock | undefined;
}

/** The options, checked. @internal */
export interface SemaphorePlan {
  readonly name: string;
  readonly key: string;
  readonly permits: number;
  readonly version: number;
  /** Milliseconds, as the other times. */
  readonly lease: number;
  readonly commandTimeout: number;
  readonly replicas: { readonly count: number; readonly timeout: number } | null;
  readonly localHandover: { readonly times: number; readonly ms: number } | null;
  readonly owner: string;
  readonly clock: Clock;
}

/** What is in one value is copied by each change: at ten thousand holders that is a megabyte. */
const mostPermits = 10_000;

/** Each is a microsecond by which tokens may be ahead of the clock. */
const mostHandovers = 100;

/** @internal */
export function planOf(name: string, options: RedisSemaphoreOptions): SemaphorePlan {
  checkText(name, "name");
  const { permits, version = 0, prefix = "snowshed", replicas, clock = systemClock } = options;
  checkPermits(permits);
  checkInteger(version, "version", 0);
  checkText(prefix, "prefix");
  if (/[{}]/.test(prefix)) throw invalidArgument(RangeError, "prefix", "without { and }", prefix);
  if (/[{}]/.test(name)) throw invalidArgument(RangeError, "name", "without { and }", name);
  const { owner = `${hostname()}:${process.pid}` } = options;
  checkText(owner, "owner");
  if (replicas !== undefined) checkInteger(replicas.count, "replicas.count", 1);
  // The server counts in whole milliseconds.
  const lease = Math.floor(toMillisecondsInRange(options.lease ?? "30s", "lease", 100, 43_200_000));
  return {
    name,
    key: `{${prefix}:${name}}`,
    permits,
    version,
    lease,
    localHandover: options.localHandover === undefined ? null : checkHandover(options.localHandover, lease),
    commandTimeout: toMillisecondsInRange(options.commandTimeout ?? "5s", "commandTimeout", 1, 2 ** 31 - 1),
    replicas: replicas === undefined ? null : { count: replicas.count, timeout: replicaTimeout(replicas.timeout) },
    owner: encodeURIComponent(owner),
    clock,
  };
}

function checkHandover(handover: { readonly times: number; readonly ms: number }, lease: number): typeof handover {
  const { times, ms } = handover;
  checkInteger(times, "localHandover.times", 1);
  if (times > mostHandovers) {
    throw invalidArgument(RangeError, "localHandover.times", `at most ${mostHandovers}`, times);
  }
  toMillisecondsInRange(ms, "localHandover.ms", 1);
  if (ms > lease / 3) throw invalidArgument(RangeError, "localHandover.ms", "at most a third of the lease", ms);
  return { times, ms };
}

function replicaTimeout(timeout: Duration = "1s"): number {
  return Math.ceil(toMillisecondsInRange(timeout, "replicas.timeout", 1, 2 ** 31 - 1));
}

/** @internal */
export function checkPermits(permits: number): void {
  checkInteger(permits, "permits", 0);
  if (permits > mostPermits) throw invalidArgument(RangeError, "permits", `at most ${mostPermits}`, permits);
}

function checkText(value: unknown, name: string): void {
  const isText = typeof value === "string" && value !== "" && !/\p{Surrogate}/u.test(value);
  if (!isText) throw invalidArgument(TypeError, name, "text that is not empty", value);
}

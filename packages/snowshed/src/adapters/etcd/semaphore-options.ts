import { hostname } from "node:os";
import type { Duration } from "../../duration.ts";
import { finite, toMillisecondsInRange } from "../../duration.ts";
import { checkInteger, invalidArgument } from "../../errors.ts";

export interface EtcdSemaphoreOptions {
  /** How many units may be held at a time, by all processes together: 0 to 10 000. */
  readonly permits: number;
  /**
   * Of `permits`: who comes with a larger number than is known makes its own count hold for all, who comes with a smaller
   * or equal one takes over what is known. Default: 0. `resize()` makes a larger one.
   */
  readonly version?: number | undefined;
  /**
   * How long a permit is held by a process that has gone: at least 2 s, in whole seconds. Default: 10 s. Renewed every
   * third of it. All semaphores and elections of a client that give the same length share one lease.
   */
  readonly lease?: Duration | undefined;
  /** What the keys begin with, before a slash and the name. Default: `"snowshed/semaphore"`. */
  readonly prefix?: string | undefined;
  /** Who holds, for people. Default: the name of the machine and the number of the process. */
  readonly owner?: string | undefined;
}

/** The least that etcd is given, in seconds: its own minimum depends on its election timeout, and is 2 s by default. */
const shortestLease = 2;
const mostPermits = 10_000;
/** A transaction of etcd has at most 128 operations, and a slot is one. */
const mostWeight = 100;

/** In whole seconds. @internal */
export function checkLease(lease: Duration = "10s"): number {
  return Math.ceil(toMillisecondsInRange(lease, "lease", shortestLease * 1000, finite) / 1000);
}

/** @internal */
export function checkPermits(permits: number): void {
  checkInteger(permits, "permits", 0);
  if (permits > mostPermits) throw invalidArgument(RangeError, "permits", `at most ${mostPermits}`, permits);
}

/** @internal */
export function checkWeight(weight: number): void {
  checkInteger(weight, "weight", 1);
  if (weight > mostWeight) throw invalidArgument(RangeError, "weight", `at most ${mostWeight}`, weight);
}

/** What keys begin with: the prefix and the name, each with a slash after it. @internal */
export function keysOf(prefix: string, name: string): string {
  checkText(name, "name");
  // The keys of a name that goes on after a slash would be among those of the name before it.
  if (name.includes("/")) throw invalidArgument(RangeError, "name", "without a slash, which the prefix may have", name);
  if (prefix !== "") checkText(prefix, "prefix");
  return prefix === "" ? `${name}/` : `${prefix}/${name}/`;
}

/** @internal */
export function checkText(value: unknown, name: string): void {
  if (value === "" || !isText(value)) throw invalidArgument(TypeError, name, "text that is not empty", value);
}

/** Whether it is text that UTF-8 can express. @internal */
export function isText(value: unknown): value is string {
  return typeof value === "string" && !/\p{Surrogate}/u.test(value);
}

/** @internal */
export function defaultOwner(): string {
  return `${hostname()}:${process.pid}`;
}

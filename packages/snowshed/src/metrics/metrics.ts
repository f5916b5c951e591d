import { systemClock } from "../clock.ts";
import { activeMonitor } from "../diagnostics/active.ts";
import { defaultGrace, searchKnots } from "../diagnostics/deadlock-watch.ts";
import { Monitor } from "../diagnostics/monitor.ts";
import { checkInteger, invalidArgument } from "../errors.ts";
import { hooks, installHooks } from "../hooks.ts";
import { isObject } from "../overload/inspection.ts";
import { CountingHooks } from "./counting-hooks.ts";
import * as described from "./descriptions.ts";
import type { Metric, MetricFamily } from "./metric.ts";
import { NameLimit } from "./name-limit.ts";
import type { Reading } from "./readings.ts";
import { coveredBy, nameOf, partsOf, readingOf } from "./readings.ts";
import { Sheet } from "./sheet.ts";
import type { WaitListener } from "./watched-counts.ts";
import { WatchedCounts } from "./watched-counts.ts";

export interface MetricsOptions {
  /** So many names are told apart, the first ones; all others count as `"other"`. At least 1. Default: 200. */
  readonly maxNames?: number | undefined;
}

interface Watch {
  readonly monitor: Monitor;
  readonly stop: () => void;
  /** How many leaks of it are counted. */
  leaked: number;
}

/** A piece that is shown. */
class Member {
  readonly piece: WeakRef<object>;
  readonly reading: Reading;
  readonly name: string | undefined;
  /** What it is part of. */
  readonly whole: Whole | null;
  /** Nobody has added it. */
  readonly isFound: boolean;
  /** From when it is read first: what is added goes before what is found. */
  label: string | null = null;

  constructor(piece: object, reading: Reading, name: string | undefined, whole: Whole | null, isFound: boolean) {
    this.piece = new WeakRef(piece);
    this.reading = reading;
    this.name = name;
    this.whole = whole;
    this.isFound = isFound;
  }
}

/** A pipeline, `Keyed` or `Origins`, whose pieces may come and go. */
class Whole {
  readonly piece: WeakRef<object>;
  readonly name: string | undefined;

  constructor(piece: object, name: string | undefined) {
    this.piece = new WeakRef(piece);
    this.name = name;
  }
}

interface Value {
  readonly metric: Metric;
  readonly value: number;
  readonly extra: string | undefined;
}

/**
 * What a dashboard shows of limiters, breakers, pools and the like: those that are added, and with `watch()` all resources,
 * tasks and waits. The pieces are read when it is asked for, and do nothing for it.
 *
 * It keeps no piece alive. One that is gone is no longer shown; what it has counted stays in the counters of its name, which
 * never fall.
 *
 * @example
 * ```ts
 * import { fixed, Limiter } from "snowshed";
 * import { exposition, Metrics } from "snowshed/prometheus";
 *
 * const limiter = new Limiter({ algorithm: fixed(10), name: "search" });
 * const metrics = new Metrics();
 * metrics.add(limiter);
 * await limiter.run(async () => "found");
 * const { body } = exposition(metrics);
 * console.log(body.includes('snowshed_limiter_admitted_total{name="search"} 1')); // true
 * ```
 */
export class Metrics {
  readonly #names: NameLimit;
  readonly #members = new Set<Member>();
  readonly #wholes = new Set<Whole>();
  readonly #known = new WeakMap<object, Member | Whole>();
  /** The value of each counter of a piece when it was read last: also if it was removed, and is added again. */
  readonly #counted = new WeakMap<object, readonly number[]>();
  /** Counters since the beginning, also of what is gone. As many as there are names: few. */
  readonly #totals = new Sheet();
  readonly #watched: WatchedCounts;
  readonly #watches = new Map<Monitor, Watch>();
  readonly #gone = new FinalizationRegistry<Member | Whole>((entry) => this.#forget(entry));

  constructor(options: MetricsOptions = {}) {
    const { maxNames = 200 } = options;
    checkInteger(maxNames, "maxNames", 1);
    this.#names = new NameLimit(maxNames);
    const seen = (resource: object): void => this.#find(resource);
    this.#watched = new WatchedCounts(new NameLimit(maxNames), this.#names, seen, () => this.#countErrors(1));
    this.#countErrors(0);
  }

  /**
   * Shows `piece` from now on: a `Limiter`, `CircuitBreaker`, `RetryBudget`, `Pipeline`, `Semaphore`, `ReentrantSemaphore`,
   * `Channel`, `Pool`, `Quota`, `KeyedQuota`, `FileHandles`, one of the semaphores and quotas of Redis and etcd; or a `Keyed`
   * or `Origins` of them, with all that they hold at the time.
   *
   * `name` is the label; default: the name of the piece, `"unnamed"` if it has none. Pieces of one kind and name become one:
   * their values are summed. The same piece again changes nothing; with another name it is refused
   * (`SNOWSHED_INVALID_ARGUMENT`), as is what is no such piece.
   */
  add(piece: object, options: { readonly name?: string | undefined } = {}): void {
    const { name } = options;
    if (name !== undefined && typeof name !== "string") throw invalidArgument(TypeError, "name", "a text", name);
    if (!isObject(piece)) throw notAPiece(piece);
    const read = coveredBy(piece);
    const before = this.#known.get(read);
    if (before !== undefined && !wasFound(before)) {
      if (name === undefined || before.name === name) return;
      const taken = before.name === undefined ? "left out" : JSON.stringify(before.name);
      throw invalidArgument(RangeError, "name", `${taken}, as when the piece was added before`, name);
    }
    const reading = readingOf(read);
    if (reading !== undefined) return this.#enter(new Member(read, reading, name ?? nameOf(read), null, false), read);
    if (partsOf(piece) === undefined) throw notAPiece(piece);
    const whole = new Whole(piece, name);
    this.#wholes.add(whole);
    this.#known.set(piece, whole);
    this.#gone.register(piece, whole, whole);
    this.#enterParts(whole, piece);
  }

  /** Shows `piece`, and what it is made of, no longer; says whether it was there. Its counters stay as they are. */
  remove(piece: object): boolean {
    const read = isObject(piece) ? coveredBy(piece) : piece;
    const entry = isObject(read) ? this.#known.get(read) : undefined;
    if (entry === undefined) return false;
    if (entry instanceof Member) this.#read(entry, read, new Sheet());
    else {
      for (const member of this.#members) {
        const part = member.whole === entry ? member.piece.deref() : undefined;
        if (part !== undefined) this.remove(part);
      }
    }
    this.#known.delete(read);
    this.#gone.unregister(entry);
    this.#forget(entry);
    return true;
  }

  /**
   * Shows, besides, all that happens from now on and what `monitor` has found: tasks by the name of their group, how long
   * callers wait, leaked tasks, deadlocks; and each resource that is made, as if it had been added. The function it returns
   * ends that, as does the end of the monitor.
   *
   * `monitor` is what `enable()` of `snowshed/diagnostics` returned, and is enabled still, or it is refused
   * (`SNOWSHED_INVALID_ARGUMENT`). Several `Metrics` may watch it; one that does already, goes on.
   */
  watch(monitor: Monitor): () => void {
    if (!(monitor instanceof Monitor)) throw invalidArgument(TypeError, "monitor", "what enable() returned", monitor);
    const before = this.#watches.get(monitor);
    if (before !== undefined) return before.stop;
    const inner = hooks;
    if (inner === null || activeMonitor() !== monitor) {
      throw invalidArgument(RangeError, "monitor", "one that is enabled", monitor);
    }
    for (const { scope } of monitor.tasks()) this.#watched.taskAccepted(scope.name);
    const counting = new CountingHooks(inner, this.#watched, systemClock);
    installHooks(counting);
    const stop = (): void => {
      if (hooks === counting) installHooks(inner);
      if (this.#watches.get(monitor) !== watch) return;
      this.#attempt(() => this.#countLeaks(watch));
      this.#watches.delete(monitor);
      counting.counter = null;
      this.#watched.forgetLive();
    };
    const watch: Watch = { monitor, stop, leaked: 0 };
    this.#watches.set(monitor, watch);
    monitor.onStop(() => {
      // The monitor cannot take itself out from below.
      if (hooks === counting) installHooks(null);
      stop();
    });
    return stop;
  }

  /** All values now. A piece that cannot be read is left out and counted in `snowshed.metrics.errors`. */
  collect(): MetricFamily[] {
    for (const whole of this.#wholes) {
      const piece = whole.piece.deref();
      if (piece !== undefined) this.#attempt(() => this.#enterParts(whole, piece));
    }
    const now = new Sheet();
    for (const member of this.#members) {
      const piece = member.piece.deref();
      if (piece !== undefined) this.#read(member, piece, now);
    }
    this.#watched.put(now);
    for (const watch of this.#watches.values()) {
      this.#attempt(() => {
        this.#countLeaks(watch);
        now.put(described.deadlocks, [], searchKnots(watch.monitor, defaultGrace).length);
      });
    }
    return now.families(this.#totals);
  }

  /** Tells of each wait that ends while a monitor is watched. @internal */
  onWait(listener: WaitListener): () => void {
    this.#watched.listeners.add(listener);
    return () => this.#watched.listeners.delete(listener);
  }

  /** A resource that somebody has made. */
  #find(piece: object): void {
    if (this.#known.has(piece)) return;
    const reading = readingOf(piece);
    if (reading !== undefined) this.#enter(new Member(piece, reading, nameOf(piece), null, true), piece);
  }

  /** In the place of the same one, if it was only found. */
  #enter(member: Member, piece: object): void {
    const before = this.#known.get(piece);
    if (before instanceof Member) {
      this.#gone.unregister(before);
      this.#members.delete(before);
    }
    this.#members.add(member);
    this.#known.set(piece, member);
    this.#gone.register(piece, member, member);
    if (!member.isFound) member.label = this.#names.label(member.name);
  }

  #enterParts(whole: Whole, piece: object): void {
    for (const part of partsOf(piece) ?? []) {
      const before = this.#known.get(part);
      if (before !== undefined && !wasFound(before)) continue;
      this.#enter(new Member(part, readingOf(part)!, nameOf(part) ?? whole.name, whole, false), part);
    }
  }

  #forget(entry: Member | Whole): void {
    if (entry instanceof Member) this.#members.delete(entry);
    else this.#wholes.delete(entry);
  }

  #read(member: Member, piece: object, now: Sheet): void {
    this.#attempt(() => {
      const values: Value[] = [];
      member.reading.read(piece, (metric, value, extra) => {
        values.push({ metric, value: checked(metric, value), extra });
      });
      // Only now: of one that throws half way, nothing is taken.
      this.#take(member, piece, values, now);
    });
  }

  #take(member: Member, piece: object, values: readonly Value[], now: Sheet): void {
    const before = this.#counted.get(piece) ?? [];
    const name = (member.label ??= this.#names.label(member.name));
    const counted: number[] = [];
    for (const { metric, value, extra = "" } of values) {
      const labels = metric.labels.map((label) => {
        if (label === "kind") return member.reading.kind;
        return label === "name" ? name : extra;
      });
      if (metric.type === "counter") {
        const last = before[counted.length] ?? 0;
        counted.push(value);
        this.#totals.put(metric, labels, value < last ? value : value - last);
      } else now.put(metric, labels, value);
    }
    this.#counted.set(piece, counted);
  }

  #countLeaks(watch: Watch): void {
    const { leaked } = watch.monitor;
    this.#totals.put(described.leakedTasks, [], leaked - watch.leaked);
    watch.leaked = leaked;
  }

  #attempt(body: () => void): void {
    try {
      body();
    } catch {
      this.#countErrors(1);
    }
  }

  #countErrors(count: number): void {
    this.#totals.put(described.collectErrors, [], count);
  }
}

/** A value that can be shown. */
function checked(metric: Metric, value: number): number {
  const isRight = metric.type === "counter" ? value >= 0 && Number.isFinite(value) : !Number.isNaN(value);
  if (typeof value === "number" && isRight) return value;
  throw new RangeError(`${metric.name} is ${value}`);
}

function wasFound(entry: Member | Whole): boolean {
  return entry instanceof Member && entry.isFound;
}

function notAPiece(piece: unknown): Error {
  return invalidArgument(TypeError, "piece", "a limiter, breaker, budget, pipeline, semaphore, pool or quota", piece);
}

import type { IntervalHistogram } from "node:perf_hooks";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ResourceKind } from "../hooks.ts";
import type { RecorderFindings } from "./recorder.ts";
import type { ResourceRecord, TaskRecord, Claim } from "./records.ts";
import type { Site } from "./site.ts";
import type { Warnings } from "./warnings.ts";

/** From when on something is worth a warning, in milliseconds; `Infinity` never warns. */
export interface WatchdogLimits {
  readonly longBlocked: number;
  readonly slowToCancel: number;
  readonly eventLoopBlocked: number;
  /** Tasks: see `Growth`. */
  readonly growth: number;
}

/** What the watchdog looks at. */
interface Watched {
  now(): number;
  tasks(): Iterable<TaskRecord>;
  waits(): Iterable<Claim>;
  readonly recorder: { readonly tasks: { readonly size: number } };
}

/** Of these a long wait says that something is wrong. Who receives from a channel waits for work, and rightly. */
const lends: ReadonlySet<ResourceKind> = new Set(["semaphore", "limiter", "quota", "file-handles", "pool"]);

/** How often the delay of the event loop is taken, in milliseconds: also the error of what is measured. */
const resolution = 20;

/** Finds what is wrong in what is recorded. @internal */
export class Watchdog implements RecorderFindings {
  readonly #warnings: Warnings;
  readonly #limits: WatchdogLimits;
  readonly #growth: Growth;
  #delay: IntervalHistogram | null = null;
  /** The task that blocked the event loop longest since the last look, if that is known. */
  #blocker: { readonly task: TaskRecord; readonly ms: number } | null = null;

  constructor(warnings: Warnings, limits: WatchdogLimits) {
    this.#warnings = warnings;
    this.#limits = limits;
    this.#growth = new Growth(limits.growth);
  }

  start(): void {
    if (this.#limits.eventLoopBlocked === Number.POSITIVE_INFINITY) return;
    try {
      this.#delay = monitorEventLoopDelay({ resolution });
      this.#delay.enable();
    } catch {
      // Not every runtime that has the module can do that: then only tasks that block are found.
      this.#delay = null;
    }
  }

  stop(): void {
    this.#delay?.disable();
    this.#delay = null;
  }

  exitedHolding(task: TaskRecord): void {
    for (const [resource, weight] of task.holds) {
      const message = `the task ${quote(task.name)} has ended and still holds ${weight} of the ${resource.label}`;
      this.#warnings.warn("SS006", message, { task, resource });
    }
  }

  droppedPermit(resource: ResourceRecord, weight: number, site: Site | null): void {
    const message = `a permit for ${weight} of the ${resource.label} was dropped without release: they are lost`;
    this.#warnings.warn("SS005", message, { resource, site: site?.text });
  }

  notAwaited(scope: ResourceRecord): void {
    const message = `the tasks of the ${scope.label} have ended, and nobody waited for it`;
    this.#warnings.warn("SS007", message, { resource: scope });
  }

  blockedLoop(task: TaskRecord, ms: number): void {
    if (ms < this.#limits.eventLoopBlocked || ms < (this.#blocker?.ms ?? 0)) return;
    this.#blocker = { task, ms };
  }

  /** What only shows with time: once a sweep. */
  look(monitor: Watched): void {
    const now = monitor.now();
    this.#lookAtLoop();
    this.#lookAtWaits(monitor, now);
    this.#lookAtCanceled(monitor, now);
    this.#lookAtGrowth(monitor);
  }

  #lookAtLoop(): void {
    const blocker = this.#blocker;
    this.#blocker = null;
    const delay = this.#delay;
    // What is measured is the time between two looks of its own.
    const ms = blocker?.ms ?? (delay === null ? 0 : delay.max / 1e6 - resolution);
    if (ms < this.#limits.eventLoopBlocked) return;
    // Only then: it also forgets when it looked last, and misses what blocks right after.
    delay?.reset();
    const by = blocker === null ? "" : `, by the task ${quote(blocker.task.name)}`;
    const message = `the event loop was blocked for ${Math.round(ms)} ms${by}: nothing else could run`;
    this.#warnings.warn("SS010", message, { task: blocker?.task });
  }

  #lookAtWaits(monitor: Watched, now: number): void {
    if (this.#limits.longBlocked === Number.POSITIVE_INFINITY) return;
    for (const wait of monitor.waits()) {
      const { resource, task } = wait;
      if (now - wait.since < this.#limits.longBlocked || !lends.has(resource.kind)) continue;
      const who = task === null ? "somebody" : `the task ${quote(task.name)}`;
      const message = `${who} waits for the ${resource.label} for ${Math.round((now - wait.since) / 1000)} s`;
      const others = resource.waits.size > 1 ? `, with ${resource.waits.size - 1} more` : "";
      // By the resource: that is where the trouble is, and a thousand waiters are one.
      const site = resource.madeAt?.text ?? null;
      this.#warnings.warn("SS009", message + others, { resource, task, site, key: resource.label });
    }
  }

  #lookAtCanceled(monitor: Watched, now: number): void {
    if (this.#limits.slowToCancel === Number.POSITIVE_INFINITY) return;
    for (const task of monitor.tasks()) {
      const { scope } = task;
      if (scope.lookedAt !== now) {
        scope.lookedAt = now;
        if (scope.canceledAt < 0 && scope.isCanceled) scope.canceledAt = now;
      }
      if (scope.canceledAt < 0 || task.phase !== "running" || task.leaked) continue;
      const late = now - scope.canceledAt;
      if (late < this.#limits.slowToCancel) continue;
      const message = `the task ${quote(task.name)} still runs ${Math.round(late / 1000)} s after it was canceled`;
      this.#warnings.warn("SS008", message, { task });
    }
  }

  #lookAtGrowth(monitor: Watched): void {
    const from = this.#growth.add(monitor.recorder.tasks.size);
    if (from === null) return;
    const scopes = new Map<ResourceRecord, number>();
    for (const { scope } of monitor.tasks()) scopes.set(scope, (scopes.get(scope) ?? 0) + 1);
    const [most] = [...scopes].toSorted(([, one], [, other]) => other - one);
    if (most === undefined) return;
    const message = `live tasks rose from ${from} to ${monitor.recorder.tasks.size} and never fell: ${most[1]} are in the ${most[0].label}`;
    this.#warnings.warn("SS011", message, { resource: most[0] });
  }
}

const span = 60;

/**
 * Live tasks of the last sixty sweeps. They grow without bound if in each third there were never as few as there were at
 * most in the third before, and by the end they have doubled, and risen by `least`.
 */
class Growth {
  readonly #least: number;
  #counts: number[] = [];

  constructor(least: number) {
    this.#least = least;
  }

  /** From how many it rose, if it grows. */
  add(live: number): number | null {
    if (this.#least === Number.POSITIVE_INFINITY) return null;
    this.#counts.push(live);
    if (this.#counts.length < span) return null;
    const third = span / 3;
    const [first, second, last] = [0, 1, 2].map((part) => this.#counts.slice(part * third, (part + 1) * third));
    this.#counts.shift();
    const from = Math.max(...first!);
    const rises = Math.min(...second!) > from && Math.min(...last!) > Math.max(...second!);
    return rises && live >= 2 * from && live - from >= this.#least ? from : null;
  }
}

function quote(name: string): string {
  return JSON.stringify(name === "" ? "(no name)" : name);
}

import type { Clock } from "../clock.ts";
import { Watchdog } from "./watchdog.ts";
import type { WatchdogLimits } from "./watchdog.ts";
import { Recorder } from "./recorder.ts";
import type { ResourceRecord, TaskRecord, Claim } from "./records.ts";
import { StillHeads } from "./still-heads.ts";
import type { SnapshotTotals, WarningCode, WarningSnapshot } from "./snapshot-types.ts";
import type { WarningSubject } from "./warnings.ts";
import { reportFailure, Warnings } from "./warnings.ts";

/** How much is watched: see `enable()`. */
export type Preset = "production" | "development" | "test";

/** What a monitor is made of. @internal */
export interface MonitorPlan {
  readonly preset: Preset;
  readonly clock: Clock;
  readonly exact: boolean;
  readonly siteEvery: number;
  readonly sweepEvery: number;
  readonly silenced: readonly WarningCode[];
  readonly limits: WatchdogLimits;
}

/** A task is held strongly, with what it promises, for so many milliseconds: almost all have ended by then. */
const youth = 5000;
/** Texts of sites made in one sweep: each costs microseconds. */
const mostFormatted = 2000;
/** Leaked tasks are kept in the list up to so many. */
const mostLeaked = 10_000;

/**
 * Watches all tasks, resources and waits of the process: made by `enable()`. Its end is that of the watching, as
 * `disable()` is: `using monitor = enable("test")`.
 *
 * @example
 * ```ts
 * import { disable, enable } from "snowshed/diagnostics";
 *
 * const monitor = enable("production");
 * monitor.onWarning(({ code, message }) => console.log(code, message));
 * console.log(monitor.preset, monitor.warnings.length); // production 0
 * disable();
 * ```
 */
export class Monitor implements Disposable {
  readonly preset: Preset;
  /** When watching began, in milliseconds since the epoch. */
  readonly since: number;
  /** @internal */
  readonly clock: Clock;
  /** @internal */
  readonly recorder: Recorder;
  /** How many tasks were found to be leaked. @internal */
  leaked = 0;
  readonly #sweepEvery: number;
  readonly #warnings: Warnings;
  readonly #watchdog: Watchdog;
  readonly #listeners = new Set<() => void>();
  readonly #onStop = new Set<() => void>();
  /** Who is first in each line, as of the latest look for deadlocks. @internal */
  readonly heads: StillHeads = new StillHeads();
  #cancelTimer: (() => void) | null = null;
  #stopped = false;

  /** @internal */
  constructor(plan: MonitorPlan) {
    const { clock } = plan;
    this.preset = plan.preset;
    this.since = clock.date();
    this.clock = clock;
    this.#sweepEvery = plan.sweepEvery;
    this.#warnings = new Warnings(plan.silenced, () => clock.date());
    this.#watchdog = new Watchdog(this.#warnings, plan.limits);
    this.recorder = new Recorder(plan, this.#watchdog);
  }

  /** Every warning so far, the oldest first. */
  get warnings(): readonly WarningSnapshot[] {
    return this.#warnings.all;
  }

  /** Calls `listener` with each new warning. Returns the function that ends this. */
  onWarning(listener: (warning: WarningSnapshot) => void): () => void {
    return this.#warnings.listen(listener);
  }

  /** Milliseconds since watching began, as the times in records are. @internal */
  now(): number {
    return this.recorder.now();
  }

  /** The task whose code runs, if that is known: in production only up to its first `await`. @internal */
  get currentTask(): TaskRecord | null {
    return this.recorder.currentTask;
  }

  /** All that have not ended, in the order they were made. @internal */
  *tasks(): Generator<TaskRecord, void> {
    for (let task = this.recorder.tasks.head; task !== null; task = task.after) yield task;
  }

  /** In the order they were made; groups and maps only while tasks live in them or somebody waits for them. @internal */
  *resources(): Generator<ResourceRecord, void> {
    for (let each = this.recorder.resources.head; each !== null; each = each.after) yield each;
  }

  /** Those for one resource in the order they began. @internal */
  *waits(): Generator<Claim, void> {
    for (const resource of this.resources()) {
      for (let wait = resource.waits.head; wait !== null; wait = wait.after) yield wait;
    }
  }

  /** @internal */
  get totals(): Omit<SnapshotTotals, "deadlocks"> {
    const { tasks, started, ended } = this.recorder;
    return {
      tasksLive: tasks.size,
      tasksStarted: started,
      tasksEnded: { ...ended },
      leaked: this.leaked,
    };
  }

  /**
   * Calls `listener` at each sweep, after tasks that have lived long enough have become `aged`: the text of their site is
   * made. Returns the function that ends this. @internal
   */
  onSweep(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls `listener` when the monitor stops. @internal */
  onStop(listener: () => void): void {
    this.#onStop.add(listener);
  }

  /** Gives a warning out, once for what it is about. @internal */
  warn(code: WarningCode, message: string, about?: WarningSubject): void {
    this.#warnings.warn(code, message, about);
  }

  /** Nothing can end this task any more. @internal */
  markLeaked(task: TaskRecord): void {
    if (task.leaked || task.phase === "ended") return;
    task.leaked = true;
    this.leaked++;
    if (this.leaked > mostLeaked) this.recorder.abandon(task);
  }

  /** @internal */
  start(): void {
    this.#watchdog.start();
    this.#arm();
  }

  /**
   * Lets go of all that records hold of the real objects, but for `promise`: for a search for leaks that follows at once.
   * `olderThan`: only of tasks that are older. @internal
   */
  weaken(olderThan: number = -1): void {
    const born = this.now() - olderThan;
    let left = olderThan < 0 ? Number.POSITIVE_INFINITY : mostFormatted;
    this.recorder.sweep();
    for (const task of this.tasks()) {
      const { scope } = task;
      if (scope.young !== null) {
        scope.weak = new WeakRef(scope.young);
        scope.young = null;
      }
      if (task.aged || task.createdAt > born) continue;
      if (task.madeAt !== null && left-- <= 0) continue;
      task.madeAt?.format();
      task.aged = true;
    }
  }

  /** What happens once a second. @internal */
  sweep(): void {
    this.weaken(youth);
    this.#watchdog.look(this);
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#listeners.delete(listener);
        reportFailure("a part of the monitor", error);
      }
    }
  }

  /** Ends the watching, as `disable()` does. What was found stays readable. */
  [Symbol.dispose](): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const listener of this.#onStop) listener();
    try {
      this.#cancelTimer?.();
    } catch {
      // A clock that fails: whatever it still calls finds that this has stopped.
    }
    this.#watchdog.stop();
    this.recorder.stop();
  }

  #arm(): void {
    if (this.#stopped) return;
    const next = (): void => {
      if (this.#stopped) return;
      try {
        this.sweep();
        this.#arm();
      } catch (error) {
        reportFailure("the monitor", error);
        this[Symbol.dispose]();
      }
    };
    this.#cancelTimer = this.clock.setTimeout(next, this.#sweepEvery, false);
  }
}

import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { finite, toMillisecondsInRange } from "../duration.ts";
import { checkInteger, invalidArgument } from "../errors.ts";
import { hooks, installHooks } from "../hooks.ts";
import { activeMonitor, setActiveMonitor, stopOthers } from "./active.ts";
import { DeadlockWatch } from "./deadlock-watch.ts";
import { GuardedHooks } from "./guarded-hooks.ts";
import { LeakWatch } from "./leak-watch.ts";
import type { MonitorPlan, Preset } from "./monitor.ts";
import { Monitor } from "./monitor.ts";
import type { WarningCode } from "./snapshot-types.ts";
import { reportFailure } from "./warnings.ts";

export interface EnableOptions {
  /** Warnings that are not given out. Default: none. */
  readonly silence?: readonly WarningCode[] | undefined;
  /**
   * SS009 warns of who waits so long for a semaphore, limiter, quota, file handle or pool. `Infinity`: never. Default:
   * 30 s.
   */
  readonly longBlocked?: Duration | undefined;
  /** SS008 warns of a task that has not ended so long after its group was canceled. `Infinity`: never. Default: 5 s. */
  readonly slowToCancel?: Duration | undefined;
  /** SS010 warns if the event loop was blocked for so long. `Infinity`: never. Default: 250 ms. */
  readonly eventLoopBlocked?: Duration | undefined;
  /**
   * SS011 warns if live tasks rose by so many within sixty sweeps, doubled at least, and never fell. `Infinity`: never.
   * Default: 1000.
   */
  readonly growth?: number | undefined;
  /** How often all that is watched is looked through. At least 10 ms. Default: 1 s. */
  readonly sweepInterval?: Duration | undefined;
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined;
}

const presets: Readonly<Record<Preset, Pick<MonitorPlan, "exact" | "siteEvery">>> = {
  production: { exact: false, siteEvery: 16 },
  development: { exact: true, siteEvery: 1 },
  test: { exact: true, siteEvery: 1 },
};

/**
 * Begins to watch: tasks, what they wait for and hold, and what goes wrong with them. What was made before is known as
 * far as it still acts: its tasks that run already are not. A monitor that was there is replaced, also that of another copy of the package.
 *
 * - `"production"`: costs some 200 ns a task. The task that acts is known up to its first `await`; of one task in 16, and
 *   of at most 100 a second, is noted where it was made; times of tasks are to the second.
 * - `"development"` and `"test"`: cost microseconds a task. The task that acts is always known, by `AsyncLocalStorage`;
 *   of every task is noted where it was made.
 *
 * The monitor keeps no process alive. Should it fail itself, it says so once (`SNOWSHED_DIAGNOSTICS`), and the program
 * goes on without it.
 *
 * @example
 * ```ts
 * import { Group } from "snowshed";
 * import { disable, enable, snapshot } from "snowshed/diagnostics";
 *
 * enable("development");
 * const group = new Group({ name: "requests" });
 * group.go(({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve)), { name: "fetch:/a" });
 * const [task] = snapshot().tasks;
 * console.log(task?.name, task?.state); // fetch:/a running
 * await group[Symbol.asyncDispose]();
 * disable();
 * ```
 */
export function enable(preset: Preset, options: EnableOptions = {}): Monitor {
  const plan = planOf(preset, options);
  disable();
  stopOthers();
  const monitor = new Monitor(plan);
  const guarded = new GuardedHooks(monitor.recorder, (error) => {
    monitor[Symbol.dispose]();
    reportFailure("the monitor", error);
  });
  monitor.onStop(() => {
    guarded.stop();
    if (hooks === guarded) installHooks(null);
    if (activeMonitor() === monitor) setActiveMonitor(null);
  });
  void new LeakWatch(monitor);
  void new DeadlockWatch(monitor);
  setActiveMonitor(monitor);
  installHooks(guarded);
  monitor.start();
  return monitor;
}

/**
 * Ends what `enable()` began; without that it does nothing.
 *
 * @example
 * ```ts
 * import { activeMonitor, disable, enable } from "snowshed/diagnostics";
 *
 * enable("test");
 * disable();
 * console.log(activeMonitor()); // null
 * ```
 */
export function disable(): void {
  activeMonitor()?.[Symbol.dispose]();
}

function planOf(preset: Preset, options: EnableOptions): MonitorPlan {
  if (!Object.hasOwn(presets, preset)) {
    const NativeError = typeof preset === "string" ? RangeError : TypeError;
    throw invalidArgument(NativeError, "preset", '"production", "development" or "test"', preset);
  }
  const { silence = [], growth = 1000, clock = systemClock } = options;
  if (!Array.isArray(silence) || !silence.every((code: string) => /^SS0(?:0[1-9]|1[01])$/.test(code))) {
    throw invalidArgument(TypeError, "silence", 'codes of warnings: "SS001" to "SS011"', silence);
  }
  checkInteger(growth, "growth", 1, true);
  return {
    preset,
    clock,
    ...presets[preset],
    silenced: silence,
    sweepEvery: toMillisecondsInRange(options.sweepInterval ?? "1s", "sweepInterval", 10, finite),
    limits: {
      longBlocked: toMillisecondsInRange(options.longBlocked ?? "30s", "longBlocked", 1),
      slowToCancel: toMillisecondsInRange(options.slowToCancel ?? "5s", "slowToCancel", 1),
      eventLoopBlocked: toMillisecondsInRange(options.eventLoopBlocked ?? "250ms", "eventLoopBlocked", 1),
      growth,
    },
  };
}

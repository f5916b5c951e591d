import type { Duration } from "../duration.ts";
import { toMillisecondsInRange } from "../duration.ts";
import { activeMonitor } from "./active.ts";
import { defaultGrace, knotSnapshot, searchKnots } from "./deadlock-watch.ts";
import type { DeadlockSnapshot } from "./snapshot-types.ts";

export interface FindDeadlocksOptions {
  /**
   * Waits that are younger are taken for ones that end. Default: 1 s; 30 s without anybody served for a task that waits
   * for several things, or for more of what it holds, since it may do several things at once.
   */
  readonly grace?: Duration | undefined;
}

/** Tasks of which none can go on before another of them does. */
export interface Deadlock extends DeadlockSnapshot {
  /** How many more tasks cannot go on because of these. */
  readonly behind: number;
}

/**
 * The tasks that wait for each other: each for permits or clients that others of them hold, or for the end of a group to
 * which one of them belongs. Who has a timeout or a signal is never among them, nor who waits for something that
 * somebody else may send. Takes milliseconds for ten thousand waits. Without a monitor there are none.
 *
 * `"certain"`: the engine has collected what every one of these tasks would go on from. `"suspected"`: they cannot go on
 * unless somebody releases what another one holds, which a program may do: it is gone from the next result if so.
 *
 * @example
 * ```ts
 * import { Group, Semaphore } from "snowshed";
 * import { disable, enable, findDeadlocks } from "snowshed/diagnostics";
 *
 * enable("development");
 * const [left, right] = [new Semaphore(1, { name: "left" }), new Semaphore(1, { name: "right" })];
 * const group = new Group();
 * for (const [first, second] of [[left, right], [right, left]] as const) {
 *   group.go(() => first.run(() => Promise.resolve().then(() => second.run(() => {}))));
 * }
 * await new Promise((resolve) => setTimeout(resolve, 10));
 * const [deadlock] = findDeadlocks({ grace: 0 });
 * console.log(deadlock?.certainty, deadlock?.tasks.length, deadlock?.resources.length); // suspected 2 2
 * disable();
 * ```
 */
export function findDeadlocks(options: FindDeadlocksOptions = {}): Deadlock[] {
  const grace = options.grace === undefined ? undefined : toMillisecondsInRange(options.grace, "grace", 0);
  const monitor = activeMonitor();
  if (monitor === null) return [];
  return searchKnots(monitor, grace ?? defaultGrace, grace).map((knot) =>
    Object.assign(knotSnapshot(knot), { behind: knot.behind }),
  );
}

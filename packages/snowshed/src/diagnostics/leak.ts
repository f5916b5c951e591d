import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { activeMonitor } from "./active.ts";
import { leakWatchOf } from "./leak-watch.ts";
import { snapshot } from "./snapshot.ts";
import type { TaskSnapshot } from "./snapshot-types.ts";

export interface DetectLeaksOptions {
  /**
   * Look at tasks of any age, and collect the garbage for it: several times, and the process stands still meanwhile, so
   * not on every request. Default: `false`, which gives what the engine has found by itself.
   */
  readonly gc?: boolean | undefined;
}

// Taken when the module loads, so that a test which replaces the globals does not stop the search.
const nextMacrotask: (callback: () => void) => unknown = globalThis.setImmediate;

/** What is found in one round may have held what is found in the next. */
const mostRounds = 10;

/**
 * The tasks that can never end, since nothing is left that could wake them: they await a promise that nobody can settle,
 * or something that only they themselves could give. Once found, a task stays in the list.
 *
 * Who is found has leaked; who has leaked need not be found: what waits for something that can still be reached, such as a
 * semaphore at the top of a module, is not. `findDeadlocks()` looks for those. Without a monitor there are none.
 *
 * @example
 * ```ts
 * import { WaitGroup } from "snowshed";
 * import { detectLeaks, disable, enable } from "snowshed/diagnostics";
 *
 * enable("test", { silence: ["SS004"] });
 * new WaitGroup().go(() => new Promise(() => {}), { name: "forgotten" });
 * const [leak] = await detectLeaks({ gc: true });
 * console.log(leak?.name, leak?.state); // forgotten leaked
 * disable();
 * ```
 */
export async function detectLeaks(options: DetectLeaksOptions = {}): Promise<TaskSnapshot[]> {
  const monitor = activeMonitor();
  if (monitor === null) return [];
  if (options.gc === true) {
    const collectGarbage = garbageCollector();
    // Twice without a find: what the first one brought to light has been told by the second.
    for (let round = 0, quiet = 0; round < mostRounds && quiet < 2; round++) {
      const before = monitor.leaked;
      monitor.weaken();
      leakWatchOf(monitor)?.sweep();
      // What a WeakRef has given out lives until its job ends; what was collected is told in a job of its own.
      await macrotask();
      collectGarbage?.();
      await macrotask();
      await macrotask();
      quiet = monitor.leaked === before ? quiet + 1 : 0;
    }
  }
  return snapshot({ limit: Number.POSITIVE_INFINITY }).tasks.filter(({ state }) => state === "leaked");
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => void nextMacrotask(() => resolve()));
}

let collector: (() => void) | null | undefined;

/** `null` where the engine does not let itself be asked. */
function garbageCollector(): (() => void) | null {
  if (collector !== undefined) return collector;
  const { gc } = globalThis as { gc?: () => void };
  try {
    collector = gc ?? exposedCollector();
  } catch {
    collector = null;
  }
  return collector;
}

function exposedCollector(): (() => void) | null {
  setFlagsFromString("--expose-gc");
  const exposed = runInNewContext("typeof gc === 'function' ? gc : null") as (() => void) | null;
  // Contexts that are made later need not have it.
  setFlagsFromString("--no-expose-gc");
  return exposed;
}

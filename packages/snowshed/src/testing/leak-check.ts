import type { NamePattern } from "../diagnostics/ignored-names.ts";
import { checkPatterns } from "../diagnostics/ignored-names.ts";
import { activeMonitor } from "../diagnostics/active.ts";
import { detectLeaks } from "../diagnostics/leak.ts";
import { plainText } from "../diagnostics/plain-text.ts";
import type { TaskRecord } from "../diagnostics/records.ts";
import type { Duration } from "../duration.ts";
import { toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument, SnowshedError } from "../errors.ts";
import type { Leftovers } from "./checkpoint.ts";
import { Checkpoint, checkpoint } from "./checkpoint.ts";

export interface ExpectNoLeaksOptions {
  /** Only what came after it counts. Default: the moment when watching began. */
  readonly since?: Checkpoint | undefined;
  /**
   * What may stay, by the name of the task, of its group, or of what is waited for or held: a text is the whole name, an
   * expression may match a part of it. Default: none.
   */
  readonly ignore?: readonly NamePattern[] | undefined;
  /** How often it is looked again if something is left. An integer of at least 0. Default: 20. */
  readonly retries?: number | undefined;
  /** How long that may take altogether. Default: 250 ms. */
  readonly timeout?: Duration | undefined;
}

/** `beforeEach` or `afterEach` of a test runner. */
export type RunnerHook = (hook: () => void | Promise<void>) => unknown;

export interface LeakCheckOptions extends Omit<ExpectNoLeaksOptions, "since"> {
  /** Default: the global of that name, which jest has, and vitest with `globals: true`. */
  readonly beforeEach?: RunnerHook | undefined;
  /** Default: the global of that name. */
  readonly afterEach?: RunnerHook | undefined;
}

// Taken when the module loads, so that a test which replaces the globals does not stop the check.
const { setTimeout: later, setImmediate: nextMacrotask, performance: watch } = globalThis;

/** What ends with the test, ends within a few turns of the event loop. */
const turns = 3;
const longestPause = 50;

/**
 * Resolves when nothing is left of what began since the checkpoint: no task that has not ended, nobody who waits, and of
 * what existed before nothing that is still held. It looks again for a while: what was canceled needs a moment to end.
 *
 * Rejects with `SNOWSHED_LEAK_FOUND`, which lists what is left, where each task was made, and whether it still runs or can
 * never end. If nothing is watched it rejects too (`SNOWSHED_INVALID_ARGUMENT`): such a check would find nothing.
 *
 * @example
 * ```ts
 * import { WaitGroup } from "snowshed";
 * import { checkpoint, expectNoLeaks } from "snowshed/testing";
 *
 * const since = checkpoint();
 * new WaitGroup().go(() => new Promise((resolve) => setTimeout(resolve, 1000)), { name: "poll" });
 * await expectNoLeaks({ since, timeout: "10ms" }).catch((error) => console.log(error.code)); // SNOWSHED_LEAK_FOUND
 * await expectNoLeaks({ since, ignore: ["poll"] });
 * ```
 */
export async function expectNoLeaks(options: ExpectNoLeaksOptions = {}): Promise<void> {
  const { ignore = [], retries = 20 } = options;
  const timeout = checkOptions(options);
  const monitor = activeMonitor();
  if (monitor === null || (options.since !== undefined && options.since.monitor !== monitor)) {
    const expected = "a checkpoint of the monitor that watches; begin with checkpoint()";
    throw invalidArgument(TypeError, "since", expected, options.since);
  }
  const since = options.since ?? new Checkpoint(monitor, true);
  const until = watch.now() + timeout;
  let left = since.leftovers(ignore);
  for (let attempt = 0; attempt < retries && !isEmpty(left) && watch.now() < until; attempt++) {
    await pause(attempt < turns ? 0 : Math.min(longestPause, 2 ** (attempt - turns), until - watch.now()));
    left = since.leftovers(ignore);
  }
  if (isEmpty(left)) return;
  // Tells those that still run from those that never will; meanwhile some may have ended.
  await detectLeaks({ gc: true });
  left = since.leftovers(ignore);
  if (!isEmpty(left)) throw new SnowshedError("SNOWSHED_LEAK_FOUND", describe(left));
}

/**
 * Makes every test of the file fail that leaves something behind: a checkpoint before each, `expectNoLeaks()` after each.
 * Call it at the top of the file, or in a file that the runner loads before.
 *
 * `beforeEach` and `afterEach` are those of the runner: vitest, `node:test`, jest, or another with such hooks. Tests of one
 * file that run at the same time cannot be told apart; use `checkpoint()` and `expectNoLeaks()` around all of them.
 *
 * @example
 * ```ts no-run
 * import { afterEach, beforeEach } from "node:test"; // or from "vitest"
 * import { useLeakCheck } from "snowshed/testing";
 *
 * useLeakCheck({ beforeEach, afterEach, ignore: ["heartbeat"] });
 * ```
 */
export function useLeakCheck(options: LeakCheckOptions = {}): void {
  const runner = globalThis as { readonly beforeEach?: RunnerHook; readonly afterEach?: RunnerHook };
  const { beforeEach = runner.beforeEach, afterEach = runner.afterEach, ...check } = options;
  checkOptions(check);
  checkFunction(beforeEach, "beforeEach");
  checkFunction(afterEach, "afterEach");
  let since: Checkpoint | undefined;
  // Functions without arguments: to a runner one with an argument may be one that calls back.
  (beforeEach as RunnerHook)(() => {
    since = checkpoint();
  });
  (afterEach as RunnerHook)(async () => {
    const began = since;
    since = undefined;
    // Without one, a hook before ours has failed: what is there now belongs to other tests.
    if (began !== undefined) await expectNoLeaks({ ...check, since: began });
  });
}

function checkOptions({ ignore = [], retries = 20, timeout = 250 }: ExpectNoLeaksOptions): number {
  checkPatterns(ignore, "ignore");
  checkInteger(retries, "retries", 0, true);
  return toMillisecondsInRange(timeout, "timeout", 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void (ms > 0 ? later(resolve, ms) : nextMacrotask(resolve)));
}

function isEmpty({ tasks, waits, held }: Leftovers): boolean {
  return tasks.length + waits.length + held.length === 0;
}

const mostListed = 20;

function describe({ tasks, waits, held }: Leftovers): string {
  const lines = [
    ...tasks.map((task) => `${describeTask(task)}: ${task.leaked ? "can never end" : "still runs"}`),
    ...waits.map(({ resource }) => `somebody waits for the ${resource.label}`),
    ...held.map(
      ({ resource, weight }) => `${weight} of the ${resource.label} ${weight === 1 ? "is" : "are"} still held`,
    ),
  ];
  const more = lines.length > mostListed ? [`and ${lines.length - mostListed} more`] : [];
  return ["left behind:", ...lines.slice(0, mostListed).map(plainText), ...more].join("\n  ");
}

function describeTask(task: TaskRecord): string {
  const place = task.site();
  const wait = task.wait === null ? "" : `, waits for the ${task.wait.resource.label}`;
  return `task ${JSON.stringify(task.name)}${place === null ? "" : ` made at ${place}`}${wait}`;
}

import { writeSync } from "node:fs";
import process from "node:process";
import { checkInteger, invalidArgument } from "../errors.ts";
import { activeMonitor } from "./active.ts";
import { formatDump } from "./dump-text.ts";
import type { NamePattern } from "./ignored-names.ts";
import { checkPatterns, matches } from "./ignored-names.ts";
import type { Monitor } from "./monitor.ts";
import type { TaskRecord, Claim } from "./records.ts";
import { snapshot } from "./snapshot.ts";

export interface DeadlockDetectorOptions {
  /** What the process ends with, 1 to 255. Default: 2, as in Go. */
  readonly exitCode?: number | undefined;
  /**
   * What may be alive at the end of the process: tasks, by their name or that of their group, and waits outside of known
   * tasks, by the name of what they wait for. Default: none.
   */
  readonly ignore?: readonly NamePattern[] | undefined;
}

/** More tasks are counted, not listed. */
const mostListed = 100;

/**
 * Makes a process that ends because nothing is left to wait for say which of its tasks have not ended, and exit with 2.
 * Without it such a process ends silently with 0 as if all had been done; under a top-level `await`, with 13.
 *
 * It looks when Node is about to end by itself: no timer, no connection, nothing that could wake anybody. It does nothing
 * if `process.exitCode` is set already, after `process.exit()`, after an error that nobody caught, and without a monitor.
 * Other listeners of `beforeExit` may still start something: it looks again when that is done, and takes the process for
 * asleep only if nothing was started and nothing has moved in between. In a worker thread it ends the thread.
 *
 * Disposing of what it returns takes it out.
 *
 * @example
 * ```ts no-run
 * import { enable, installDeadlockDetector } from "snowshed/diagnostics";
 *
 * enable("production");
 * installDeadlockDetector({ ignore: ["heartbeat"] });
 * ```
 */
export function installDeadlockDetector(options: DeadlockDetectorOptions = {}): Disposable {
  const { exitCode = 2, ignore = [] } = options;
  checkInteger(exitCode, "exitCode", 1);
  if (exitCode > 255) throw invalidArgument(RangeError, "exitCode", "at most 255", exitCode);
  checkPatterns(ignore, "ignore");
  let before: Asleep | null = null;
  const onBeforeExit = (): void => {
    const monitor = activeMonitor();
    if (monitor === null || process.exitCode !== undefined) return;
    const asleep = asleepIn(monitor, ignore);
    if (asleep.size === 0) return;
    if (before !== null && isSame(before, asleep)) {
      report(monitor, asleep, exitCode);
      // Not process.exitCode: another listener may start something, and the process would go on with half of its tasks.
      // oxlint-disable-next-line unicorn/no-process-exit
      process.exit(exitCode);
    }
    before = asleep;
    const open = openResources();
    // Keeps the process for one more turn: then it is about to end again, unless another listener has started something.
    // What that is for, and whether more follows, is seen only when it has come to its end.
    setImmediate(() => {
      if (hasMore(openResources(), open)) before = null;
    });
  };
  // Before the others: what they start is seen.
  process.prependListener("beforeExit", onBeforeExit);
  return { [Symbol.dispose]: () => void process.removeListener("beforeExit", onBeforeExit) };
}

/** The tasks that have not ended, each with what it waits for, and the waits of nobody who is known. */
type Asleep = ReadonlyMap<TaskRecord | Claim, Claim | null>;

function asleepIn(monitor: Monitor, ignore: readonly NamePattern[]): Asleep {
  const asleep = new Map<TaskRecord | Claim, Claim | null>();
  for (const task of monitor.tasks()) if (!matches(ignore, task.name, task.scope.name)) asleep.set(task, task.wait);
  for (const wait of monitor.waits()) {
    const { task, resource } = wait;
    if (task === null && !(resource.isScope && resource.live > 0) && !matches(ignore, resource.name))
      asleep.set(wait, null);
  }
  return asleep;
}

/** Nobody has ended, come or gone on to another wait. */
function isSame(before: Asleep, now: Asleep): boolean {
  if (before.size !== now.size) return false;
  for (const [each, wait] of now) if (before.get(each) !== wait) return false;
  return true;
}

/** How many of each type there are that keep the process alive, or may: a stream of stdout is one of them. */
function openResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

function hasMore(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): boolean {
  for (const [type, count] of now) if (type !== "Immediate" && count > (before.get(type) ?? 0)) return true;
  return false;
}

function report(monitor: Monitor, asleep: Asleep, exitCode: number): void {
  const tasks = [...asleep.keys()].filter((each) => "phase" in each);
  const waits = new Map<string, number>();
  for (const each of asleep.keys()) {
    if (!("phase" in each)) waits.set(each.resource.label, (waits.get(each.resource.label) ?? 0) + 1);
  }
  const message = `all tasks are asleep: ${tasks.length} not ended, and nothing is left that could wake them`;
  monitor.warn("SS001", message, { task: tasks[0], key: "" });
  const whole = snapshot({ limit: Number.POSITIVE_INFINITY });
  const listed = new Set(tasks.slice(0, mostListed).map(({ id }) => id));
  const lines = ["fatal: all tasks are asleep - deadlock!", ""];
  for (const [label, count] of waits) lines.push(`waiting outside of any known task: ${count} for the ${label}`);
  // Of the warnings only this one matters now.
  const dump = formatDump({ ...whole, tasks: whole.tasks.filter(({ id }) => listed.has(id)), warnings: [] });
  lines.push(dump.trimEnd());
  if (tasks.length > listed.size) lines.push("", `and ${tasks.length - listed.size} more`);
  lines.push(
    "",
    `exit code ${exitCode}; see https://github.com/snowshed/snowshed/blob/main/docs/warnings/SS001.md`,
    "",
  );
  say(lines.join("\n"));
}

/** At once: what process.stderr still has to write may be lost by the exit. */
function say(text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0, attempts = 0; written < bytes.length && attempts < 1000; attempts++) {
    try {
      written += writeSync(2, bytes, written);
    } catch (error) {
      // A full pipe whose reader is slow; anything else means that nobody reads it.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
    }
  }
}

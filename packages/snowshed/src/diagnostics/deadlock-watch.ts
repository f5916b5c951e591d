import type { Monitor } from "./monitor.ts";
import type { ResourceRecord, TaskRecord, Claim } from "./records.ts";
import type { DeadlockSnapshot } from "./snapshot-types.ts";
import type { Knot } from "./wait-graph.ts";
import { findKnots } from "./wait-graph.ts";

/** @internal */
export type RecordedKnot = Knot<TaskRecord, ResourceRecord>;

/** How long a wait may last before it is looked at, in milliseconds, unless somebody says otherwise. @internal */
export const defaultGrace = 1000;

/**
 * Milliseconds: so long must nothing have moved before a task is taken for stuck that may do several things at once. A
 * task that loads a list with `Promise.all`, each by the same semaphore, holds all of it and waits for more; so does one
 * that has locked itself out, and only time tells them apart.
 */
const defaultStillness = 30_000;

/** Of such a task, what it holds may be in the hands of a part of it that is at work. */
function mayBeSeveral({ resource, task }: Claim): boolean {
  if (task === null) return false;
  if (task.waits > 1) return true;
  let { holding } = task;
  while (holding !== null && holding.resource !== resource) holding = holding.older;
  return holding !== null;
}

function* waitsToTrust(monitor: Monitor, now: number, stillness: number): Generator<Claim, void> {
  for (const wait of monitor.waits()) {
    if (!mayBeSeveral(wait) || monitor.heads.isStill(wait.resource, now, stillness)) yield wait;
  }
}

// Who sleeps, too, will be woken: it may only be waiting for whichever comes first.
function waitsOf(task: TaskRecord): number {
  return task.waits + task.sleeps;
}

/** The tasks that cannot go on, among those that have waited for `grace` milliseconds. @internal */
export function searchKnots(
  monitor: Monitor,
  grace: number,
  stillness: number = defaultStillness,
): readonly RecordedKnot[] {
  const now = monitor.now();
  const leaked: TaskRecord[] = [];
  if (monitor.leaked > 0) for (const task of monitor.tasks()) if (task.leaked) leaked.push(task);
  return findKnots(waitsToTrust(monitor, now, stillness), leaked, waitsOf, now - grace);
}

/**
 * Certain is only what the engine has proved: that nothing can reach what a task would go on from. A wait alone proves
 * nothing. `release()` may be called by anybody who has the semaphore, and a task may go on without awaiting what it
 * asked for; that holds for a `ReentrantSemaphore` and its owners, too.
 */
function isCertain({ tasks }: RecordedKnot): boolean {
  return tasks.every(({ leaked }) => leaked);
}

/** @internal */
export function knotSnapshot(knot: RecordedKnot): DeadlockSnapshot {
  return {
    certainty: isCertain(knot) ? "certain" : "suspected",
    tasks: knot.tasks.map(({ id }) => id).toSorted((a, b) => a - b),
    resources: knot.resources.map(({ id }) => id).toSorted((a, b) => a - b),
  };
}

const mostNamed = 8;

/** One sentence on each of the tasks: what it waits for, and who holds that. */
function describeKnot({ tasks, resources, behind }: RecordedKnot): string {
  const within = new Set<ResourceRecord>(resources);
  const named = tasks.toSorted((a, b) => a.id - b.id).slice(0, mostNamed);
  const lines = named.map((task) => {
    const name = `task ${task.id} ${JSON.stringify(task.name)}`;
    const waits: string[] = [];
    for (let wait: Claim | null = task.wait; wait !== null; wait = wait.older) {
      if (within.has(wait.resource)) waits.push(`${wait.resource.label}${held(wait.resource, tasks)}`);
    }
    if (waits.length > 0) return `${name} waits for ${waits.join(" and ")}`;
    return task.leaked ? `${name} has leaked` : name;
  });
  if (tasks.length > named.length) lines.push(`${tasks.length - named.length} more tasks`);
  const rest = behind === 0 ? "" : `. ${behind} more ${behind === 1 ? "task waits" : "tasks wait"} behind them`;
  return `${lines.join("; ")}${rest}`;
}

function held(resource: ResourceRecord, tasks: readonly TaskRecord[]): string {
  if (resource.isScope) {
    const members = tasks.filter(({ scope }) => scope === resource).map(({ id }) => `#${id}`);
    return ` until ${members.slice(0, mostNamed).join(", ")} has ended`;
  }
  const holders = [...resource.holders].map(
    ([task, weight]) => `${task === null ? "others" : `#${task.id}`} (${weight})`,
  );
  return ` of ${resource.capacity}, held by ${holders.slice(0, mostNamed).join(", ")}`;
}

/** Looks for deadlocks at every sweep, and warns of one that is still there at the next. @internal */
export class DeadlockWatch {
  readonly #monitor: Monitor;
  /** Those of the last sweep. */
  #previous: ReadonlySet<string> = new Set();

  constructor(monitor: Monitor) {
    this.#monitor = monitor;
    monitor.onSweep(() => this.#sweep());
  }

  #sweep(): void {
    this.#monitor.heads.look(this.#monitor.resources(), this.#monitor.now());
    const knots = searchKnots(this.#monitor, defaultGrace);
    const seen = new Set<string>();
    for (const knot of knots) {
      const key = keyOf(knot);
      seen.add(key);
      // Twice in a row: a permit may be on its way from one hand to another.
      if (isCertain(knot)) this.#warn(knot, "SS002", "deadlock");
      else if (this.#previous.has(key)) this.#warn(knot, "SS003", "suspected deadlock");
    }
    this.#previous = seen;
  }

  #warn(knot: RecordedKnot, code: "SS002" | "SS003", what: string): void {
    const task = knot.tasks.reduce((first, other) => (other.id < first.id ? other : first));
    // The same two functions that lock the same two things: one warning, however often they meet.
    const names = knot.tasks.map(({ name }) => name).toSorted();
    const labels = knot.resources.map(({ label }) => label).toSorted();
    const key = [...names.slice(0, mostNamed), ...labels.slice(0, mostNamed)].join("\n");
    this.#monitor.warn(code, `${what}: ${describeKnot(knot)}`, { task, resource: knot.resources[0], key });
  }
}

function keyOf({ tasks }: RecordedKnot): string {
  return tasks
    .map(({ id }) => id)
    .toSorted((a, b) => a - b)
    .slice(0, 100)
    .join();
}

import process from "node:process";
import { systemClock } from "../clock.ts";
import { checkInteger } from "../errors.ts";
import { activeMonitor } from "./active.ts";
import { defaultGrace, knotSnapshot, searchKnots } from "./deadlock-watch.ts";
import type { Monitor } from "./monitor.ts";
import type { ResourceRecord, TaskRecord, Claim } from "./records.ts";
import { chosen } from "./snapshot-choice.ts";
import type { ResourceSnapshot, Snapshot, TaskSnapshot, WaitSnapshot } from "./snapshot-types.ts";

export interface SnapshotOptions {
  /**
   * At most so many tasks, those that are stuck and then the oldest, and so many resources. An integer of at least 0.
   * Default: 10 000.
   */
  readonly limit?: number | undefined;
}

/** Holders of what somebody waits for, in a wait; of a resource, all are listed up to this. */
const mostHolders = { wait: 16, resource: 1000 } as const;

/**
 * All that is watched at this moment, as plain data: live tasks, what each waits for and holds, resources, warnings.
 * Takes milliseconds for ten thousand tasks, in one step. Without a monitor everything in it is empty.
 *
 * @example
 * ```ts
 * import { Semaphore, WaitGroup } from "snowshed";
 * import { disable, enable, snapshot } from "snowshed/diagnostics";
 *
 * enable("development");
 * const database = new Semaphore(1, { name: "database" });
 * const group = new WaitGroup();
 * await database.acquire();
 * group.go(() => database.run(() => {}), { name: "query" });
 * console.log(snapshot().tasks[0]?.wait?.name); // database
 * database.release();
 * await group.wait();
 * disable();
 * ```
 */
export function snapshot(options: SnapshotOptions = {}): Snapshot {
  const { limit = 10_000 } = options;
  checkInteger(limit, "limit", 0, true);
  const monitor = activeMonitor();
  return monitor === null ? empty() : snapshotOf(monitor, limit);
}

function snapshotOf(monitor: Monitor, limit: number): Snapshot {
  const now = monitor.now();
  const knots = searchKnots(monitor, defaultGrace);
  const deadlocks = knots.map(knotSnapshot);
  const { tasks, resources, isPart } = chosen(monitor, knots, limit);
  return {
    schema: "snowshed.dump/1",
    ...processFacts(),
    time: iso(monitor.clock.date()),
    since: iso(monitor.since),
    preset: monitor.preset,
    truncated: isPart,
    totals: { ...monitor.totals, deadlocks: deadlocks.length },
    tasks: tasks.map((task) => taskSnapshot(task, now)),
    resources: resources.map(resourceSnapshot),
    warnings: monitor.warnings,
    deadlocks,
  };
}

function empty(): Snapshot {
  const time = iso(systemClock.date());
  return {
    schema: "snowshed.dump/1",
    ...processFacts(),
    time,
    since: time,
    preset: "none",
    truncated: false,
    totals: {
      tasksLive: 0,
      tasksStarted: 0,
      tasksEnded: { fulfilled: 0, rejected: 0, skipped: 0 },
      leaked: 0,
      deadlocks: 0,
    },
    tasks: [],
    resources: [],
    warnings: [],
    deadlocks: [],
  };
}

function processFacts(): Pick<Snapshot, "pid" | "node" | "program"> {
  return { pid: process.pid, node: process.version, program: process.argv[1] ?? "" };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function taskSnapshot(task: TaskRecord, now: number): TaskSnapshot {
  const { id, name, scope, parent, state, wait } = task;
  return {
    id,
    name,
    scope: scope.id,
    parent: parent === null || parent.phase === "ended" ? null : parent.id,
    state,
    wait: wait === null ? null : waitSnapshot(wait, now),
    held: holdingsOf(task),
    age: since(task.createdAt, now),
    site: task.site(),
  };
}

function holdingsOf(task: TaskRecord): TaskSnapshot["held"] {
  if (task.holding === null) return [];
  return Array.from(task.holds, ([resource, weight]) => ({ resource: resource.id, weight }));
}

function waitSnapshot({ resource, weight, since: began, deadline }: Claim, now: number): WaitSnapshot {
  const { id, kind, name, holdings } = resource;
  const heldBy: number[] = [];
  for (let holding = holdings.head; holding !== null && heldBy.length < mostHolders.wait; holding = holding.after) {
    if (holding.task !== null) heldBy.push(holding.task.id);
  }
  const left = deadline === null ? null : Math.max(0, Math.round(deadline - now));
  return { resource: id, kind, name, weight, age: since(began, now), deadline: left, heldBy };
}

function resourceSnapshot(resource: ResourceRecord): ResourceSnapshot {
  const { id, kind, name, capacity, held, waits, live } = resource;
  const holders = [...resource.holders].slice(0, mostHolders.resource);
  return {
    id,
    kind,
    name,
    capacity: capacity === Number.POSITIVE_INFINITY ? null : capacity,
    held,
    pending: waits.size,
    holders: holders.map(([task, weight]) => ({ task: task?.id ?? null, weight })),
    live,
  };
}

function since(began: number, now: number): number {
  return Math.max(0, Math.round(now - began));
}

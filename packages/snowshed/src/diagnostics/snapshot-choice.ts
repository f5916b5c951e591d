import type { RecordedKnot } from "./deadlock-watch.ts";
import type { Monitor } from "./monitor.ts";
import type { ResourceRecord, TaskRecord } from "./records.ts";

/** What a limited snapshot lists, in the order it was made. @internal */
export interface SnapshotChoice {
  readonly tasks: readonly TaskRecord[];
  readonly resources: readonly ResourceRecord[];
  /** Whether there is more. */
  readonly isPart: boolean;
}

/**
 * At most `limit` tasks and resources: those that are stuck before all others, then the oldest. A deadlock is most often
 * among the youngest of many, and its numbers alone say nothing. @internal
 */
export function chosen(monitor: Monitor, knots: readonly RecordedKnot[], limit: number): SnapshotChoice {
  const stuckTasks = new Set<TaskRecord>();
  const stuckResources = new Set<ResourceRecord>();
  for (const knot of knots) {
    for (const task of knot.tasks) if (stuckTasks.size < limit) stuckTasks.add(task);
    for (const resource of knot.resources) if (stuckResources.size < limit) stuckResources.add(resource);
  }
  if (monitor.leaked > 0) {
    for (const task of monitor.tasks()) if (task.leaked && stuckTasks.size < limit) stuckTasks.add(task);
  }
  for (const { scope, wait, holding } of stuckTasks) {
    for (const resource of [scope, wait?.resource, holding?.resource]) {
      if (resource !== undefined && stuckResources.size < limit) stuckResources.add(resource);
    }
  }
  const tasks = firstOf(monitor.tasks(), stuckTasks, limit);
  const resources = firstOf(monitor.resources(), stuckResources, limit);
  return { tasks: tasks.all, resources: resources.all, isPart: tasks.isPart || resources.isPart };
}

function firstOf<Record>(
  records: Iterable<Record>,
  before: Set<Record>,
  limit: number,
): { readonly all: readonly Record[]; readonly isPart: boolean } {
  const all: Record[] = [];
  let others = limit - before.size;
  let isPart = false;
  for (const record of records) {
    if (before.delete(record) || others-- > 0) all.push(record);
    else isPart = true;
    if (isPart && before.size === 0 && others <= 0) break;
  }
  return { all, isPart };
}

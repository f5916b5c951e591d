import { plainText } from "./plain-text.ts";
import type { Profile } from "./profile.ts";
import type { ResourceSnapshot, Snapshot, TaskSnapshot } from "./snapshot-types.ts";

/**
 * A snapshot as text, in the manner of a dump of goroutines: one paragraph for each task, the oldest first.
 *
 * @example
 * ```ts
 * import { formatDump, snapshot } from "snowshed/diagnostics";
 *
 * console.log(formatDump(snapshot()).includes("0 tasks")); // true
 * ```
 */
export function formatDump(snapshot: Snapshot): string {
  const { tasks, resources, totals, warnings, deadlocks } = snapshot;
  const taskOf = new Map(tasks.map((task) => [task.id, task]));
  const resourceOf = new Map(resources.map((resource) => [resource.id, resource]));
  const lines = [
    `snowshed: ${plural(totals.tasksLive, "task")} in process ${snapshot.pid} at ${snapshot.time}, watched since ${snapshot.since} (${snapshot.preset})`,
  ];
  for (const { certainty, tasks: stuck, resources: on } of deadlocks) {
    const who = stuck.map((id) => named(id, taskOf)).join(", ");
    const what = on.map((id) => labelOf(resourceOf.get(id), id)).join(", ");
    lines.push("", `${certainty === "certain" ? "deadlock" : "suspected deadlock"} of ${who} on ${what}`);
  }
  for (const task of tasks) lines.push("", ...taskLines(task, taskOf, resourceOf));
  if (snapshot.truncated) lines.push("", "There are more: the snapshot was limited.");
  for (const { code, message, site, count } of warnings) {
    lines.push("", `${code} ${message}${site === null ? "" : ` (${site})`}${count > 1 ? `, ${count} times` : ""}`);
  }
  return textOf(lines);
}

/**
 * A profile as text, the largest group first.
 *
 * @example
 * ```ts
 * import { formatProfile, profile } from "snowshed/diagnostics";
 *
 * console.log(formatProfile(profile("task")).trim()); // 0 tasks
 * ```
 */
export function formatProfile(profile: Profile): string {
  const lines = [plural(profile.total, what[profile.kind])];
  for (const { count, name, state, wait, site, oldest } of profile.groups) {
    const on = wait === null ? "" : ` ${wait.kind}${wait.name === "" ? "" : ` ${JSON.stringify(wait.name)}`}`;
    const place = site === null ? "" : ` made at ${site}`;
    lines.push(`${String(count).padStart(7)} ${JSON.stringify(name)} [${state}${on}, ${duration(oldest)}]${place}`);
  }
  return textOf(lines);
}

const what = { task: "task", blocked: "blocked task", leak: "leaked task" } as const;

function taskLines(
  task: TaskSnapshot,
  tasks: ReadonlyMap<number, TaskSnapshot>,
  resources: ReadonlyMap<number, ResourceSnapshot>,
): string[] {
  const { wait, state, held } = task;
  let doing: string = state;
  let by = "";
  if (wait !== null) {
    const resource = resources.get(wait.resource);
    const name = wait.name === "" ? "" : ` ${JSON.stringify(wait.name)}`;
    const weight = wait.weight > 1 ? `, ${wait.weight} units` : "";
    const left = wait.deadline === null ? "" : `, gives up in ${duration(wait.deadline)}`;
    doing += `${state === "waiting" ? "" : " for"} ${wait.kind}${name}, ${duration(wait.age)}${weight}${left}`;
    const holders = wait.heldBy.map((id) => named(id, tasks));
    const size = resource?.capacity ?? null;
    const share = resource === undefined || size === null ? "" : ` (${resource.held}/${size})`;
    if (holders.length > 0) by = ` held by ${holders.join(", ")}${share}`;
    else if (resource !== undefined && resource.held > 0) by = ` held by nobody who is known${share}`;
  } else doing += `, ${duration(task.age)}`;
  const lines = [`task ${task.id} ${JSON.stringify(task.name)} [${doing}]${by}`];
  const parent = task.parent === null ? undefined : tasks.get(task.parent);
  const maker = parent === undefined ? labelOf(resources.get(task.scope), task.scope) : JSON.stringify(parent.name);
  const verb = parent === undefined ? "in" : "created by";
  lines.push(`    ${verb} ${maker}${task.site === null ? "" : ` at ${task.site}`}`);
  if (held.length > 0) {
    const list = held.map(({ resource, weight }) => `${weight} of ${labelOf(resources.get(resource), resource)}`);
    lines.push(`    holds ${list.join(", ")}`);
  }
  return lines;
}

function named(id: number, tasks: ReadonlyMap<number, TaskSnapshot>): string {
  const task = tasks.get(id);
  return task === undefined ? `#${id}` : `#${id} ${JSON.stringify(task.name)}`;
}

function labelOf(resource: ResourceSnapshot | undefined, id: number): string {
  if (resource === undefined) return `resource ${id}`;
  return resource.name === "" ? `${resource.kind} ${id}` : `${resource.kind} ${JSON.stringify(resource.name)}`;
}

function textOf(lines: readonly string[]): string {
  return `${lines.map((line) => plainText(line)).join("\n")}\n`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** `840ms`, `12s`, `4m12s`, `3h20m`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}

import { invalidArgument } from "../errors.ts";
import type { ResourceKind } from "../hooks.ts";
import { activeMonitor } from "./active.ts";
import type { TaskRecord } from "./records.ts";
import type { TaskState } from "./snapshot-types.ts";

/** `task`: all live tasks; `blocked`: those that wait; `leak`: those that can never end. */
export type ProfileKind = "task" | "blocked" | "leak";

/** Live tasks that do the same, counted: the largest groups first. */
export interface Profile {
  readonly kind: ProfileKind;
  /** How many tasks there are in all groups. */
  readonly total: number;
  readonly groups: readonly ProfileGroup[];
}

/** Tasks of one name, in one state, that wait for the same, and were made at the same place. */
export interface ProfileGroup {
  readonly count: number;
  readonly name: string;
  readonly state: TaskState;
  readonly wait: { readonly kind: ResourceKind; readonly name: string } | null;
  readonly site: string | null;
  /** The age of the oldest, in milliseconds. */
  readonly oldest: number;
}

const kinds: Readonly<Record<ProfileKind, (task: TaskRecord) => boolean>> = {
  task: () => true,
  blocked: (task) => task.waits > 0,
  leak: (task) => task.leaked,
};

/**
 * What the live tasks do, in groups: ten thousand of them are a few lines. Takes milliseconds for that.
 *
 * @example
 * ```ts
 * import { Semaphore, WaitGroup } from "snowshed";
 * import { disable, enable, profile } from "snowshed/diagnostics";
 *
 * enable("development");
 * const database = new Semaphore(1, { name: "database" });
 * const group = new WaitGroup();
 * await database.acquire();
 * for (let n = 0; n < 1000; n++) group.go(() => database.run(() => {}), { name: "query" });
 * const [largest] = profile("blocked").groups;
 * console.log(largest?.count, largest?.name, largest?.wait?.name); // 1000 query database
 * database.release();
 * await group.wait();
 * disable();
 * ```
 */
export function profile(kind: ProfileKind): Profile {
  if (!Object.hasOwn(kinds, kind)) {
    const NativeError = typeof kind === "string" ? RangeError : TypeError;
    throw invalidArgument(NativeError, "kind", '"task", "blocked" or "leak"', kind);
  }
  const monitor = activeMonitor();
  if (monitor === null) return { kind, total: 0, groups: [] };
  const now = monitor.now();
  const includes = kinds[kind];
  const groups = new Map<string, ProfileGroup & { count: number; oldest: number }>();
  let total = 0;
  for (const task of monitor.tasks()) {
    if (!includes(task)) continue;
    total++;
    const { name, state } = task;
    const site = task.site();
    const resource = task.wait?.resource;
    const age = Math.max(0, Math.round(now - task.createdAt));
    const key = `${state}\n${resource?.kind}\n${resource?.name}\n${site}\n${name}`;
    const group = groups.get(key);
    if (group === undefined) {
      const wait = resource === undefined ? null : { kind: resource.kind, name: resource.name };
      groups.set(key, { count: 1, name, state, wait, site, oldest: age });
    } else {
      group.count++;
      if (age > group.oldest) group.oldest = age;
    }
  }
  return { kind, total, groups: [...groups.values()].toSorted((one, other) => other.count - one.count) };
}

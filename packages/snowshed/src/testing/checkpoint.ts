import { activeMonitor } from "../diagnostics/active.ts";
import { enable } from "../diagnostics/enable.ts";
import { matches } from "../diagnostics/ignored-names.ts";
import type { NamePattern } from "../diagnostics/ignored-names.ts";
import type { Monitor } from "../diagnostics/monitor.ts";
import type { ResourceRecord, TaskRecord, Claim } from "../diagnostics/records.ts";

/** What is there that was not there before. @internal */
export interface Leftovers {
  readonly tasks: readonly TaskRecord[];
  /** Of nobody who is known. */
  readonly waits: readonly Claim[];
  /** What is held more of than before. */
  readonly held: readonly { readonly resource: ResourceRecord; readonly weight: number }[];
}

/**
 * What was alive at one moment: made by `checkpoint()`, for `expectNoLeaks()`.
 *
 * @example
 * ```ts
 * import type { Checkpoint } from "snowshed/testing";
 * import { checkpoint, expectNoLeaks } from "snowshed/testing";
 *
 * const since: Checkpoint = checkpoint();
 * await expectNoLeaks({ since });
 * ```
 */
export class Checkpoint {
  /** @internal */
  readonly monitor: Monitor;
  readonly #tasks: number;
  readonly #waits = new Set<Claim>();
  readonly #held = new Map<ResourceRecord, number>();

  /** `empty`: the moment when watching began. @internal */
  constructor(monitor: Monitor, empty: boolean = false) {
    this.monitor = monitor;
    this.#tasks = empty ? 0 : monitor.totals.tasksStarted;
    if (empty) return;
    for (const wait of monitor.waits()) this.#waits.add(wait);
    for (const resource of monitor.resources()) if (!resource.isScope) this.#held.set(resource, resource.held);
  }

  /** @internal */
  leftovers(ignore: readonly NamePattern[]): Leftovers {
    const tasks = [...this.monitor.tasks()].filter(
      ({ id, name, scope }) => id > this.#tasks && !matches(ignore, name, scope.name),
    );
    const waits = [...this.monitor.waits()].filter(({ task, resource }) => {
      // Who waits for the end of tasks is told of by them.
      return task === null && !(resource.isScope && resource.live > 0) && !matches(ignore, resource.name);
    });
    const held = [];
    for (const resource of this.monitor.resources()) {
      // What was made since is gone with the test: nobody else is short of it.
      const before = this.#held.get(resource);
      if (before === undefined || resource.held <= before || matches(ignore, resource.name)) continue;
      held.push({ resource, weight: resource.held - before });
    }
    return { tasks, waits: waits.filter((wait) => !this.#waits.has(wait)), held };
  }
}

/**
 * Remembers which tasks live, who waits and what is held, so that `expectNoLeaks({ since })` only tells of what is new.
 * Begins to watch, as `enable("test")` does, if nobody does so yet: tasks that were made before that are not known.
 *
 * @example
 * ```ts
 * import { Group } from "snowshed";
 * import { checkpoint, expectNoLeaks } from "snowshed/testing";
 *
 * const since = checkpoint();
 * const group = new Group();
 * group.go(() => new Promise((resolve) => setTimeout(resolve, 5)), { name: "download" });
 * await group.wait(); // Without this, it depends on how long the download takes.
 * await expectNoLeaks({ since });
 * ```
 */
export function checkpoint(): Checkpoint {
  return new Checkpoint(activeMonitor() ?? enable("test"));
}

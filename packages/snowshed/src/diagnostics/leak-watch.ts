import type { Monitor } from "./monitor.ts";
import type { TaskRecord } from "./records.ts";

const watches = new WeakMap<Monitor, LeakWatch>();

/** The one that was made for `monitor`. @internal */
export function leakWatchOf(monitor: Monitor): LeakWatch | undefined {
  return watches.get(monitor);
}

/**
 * Finds tasks that nothing can ever end. What is suspended and cannot be reached by anything that could wake it is garbage
 * to the engine; so a task whose promise is collected before it has ended will never end. A promise is not looked at while
 * its task is young: almost all tasks end before, and a registration costs more than the rest of a record.
 *
 * @internal
 */
export class LeakWatch {
  readonly #monitor: Monitor;
  readonly #collected: FinalizationRegistry<TaskRecord>;

  constructor(monitor: Monitor) {
    this.#monitor = monitor;
    this.#collected = new FinalizationRegistry((task) => this.#find(task));
    monitor.recorder.keepsPromises = true;
    monitor.onSweep(() => this.sweep());
    watches.set(monitor, this);
  }

  /** Hands the promises of tasks that are `aged` over to the engine. */
  sweep(): void {
    for (const task of this.#monitor.tasks()) {
      const { promise } = task;
      if (promise === null || !task.aged) continue;
      task.promise = null;
      this.#collected.register(promise, task);
    }
  }

  #find(task: TaskRecord): void {
    if (task.phase === "ended" || task.leaked) return;
    this.#monitor.markLeaked(task);
    const wait = task.wait === null ? "" : `; it waits for the ${task.wait.resource.label}`;
    const message = `the task ${JSON.stringify(task.name)} can never end: nothing is left that could wake it${wait}`;
    this.#monitor.warn("SS004", message, { task });
  }
}

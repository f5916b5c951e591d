import type { Clock } from "../clock.ts";
import { TaskRecord } from "../diagnostics/records.ts";
import type { Hooks, ResourceKind, WatchedTask } from "../hooks.ts";
import type { WaitCounts } from "./wait-counts.ts";

/** Who is told what the hooks tell. @internal */
export interface Counter {
  /** A resource was made, or seen for the first time. */
  seen(resource: object): void;
  /** Where waits for `resource` are counted. */
  placeOf(resource: object, kind: ResourceKind | undefined): Place;
  waited(place: Place, granted: boolean, milliseconds: number): void;
  taskAccepted(group: string): void;
  taskBegan(group: string): void;
  taskEnded(group: string, outcome: "fulfilled" | "rejected" | "skipped"): void;
  /** Something in it failed. */
  failed(): void;
}

/** Those of all resources of one kind and name. @internal */
export interface Place {
  readonly kind: string;
  readonly name: string;
  readonly granted: WaitCounts;
  readonly givenUp: WaitCounts;
}

interface WaitNote {
  readonly place: Place;
  readonly since: number;
}

/**
 * Passes on all that happens to another watcher, and counts. Which group a task belongs to it takes from what that one has
 * written down: a second map of all tasks would cost more than the counting.
 *
 * @internal
 */
export class CountingHooks implements Hooks {
  readonly inner: Hooks;
  /** `null`: it only passes on, since it could not be taken out. */
  counter: Counter | null;
  readonly #clock: Clock;
  readonly #kinds = new WeakMap<object, ResourceKind>();
  readonly #places = new WeakMap<object, Place>();
  readonly #waits = new WeakMap<object, WaitNote>();

  constructor(inner: Hooks, counter: Counter, clock: Clock) {
    this.inner = inner;
    this.counter = counter;
    this.#clock = clock;
  }

  resourceCreated(resource: object, kind: ResourceKind, name: string | undefined, capacity: number): void {
    this.inner.resourceCreated(resource, kind, name, capacity);
    this.#kinds.set(resource, kind);
    this.#tell((counter) => counter.seen(resource));
  }

  blocked(resource: object, weight: number, wait: object, patience?: number): void {
    this.inner.blocked(resource, weight, wait, patience);
    this.#tell((counter) => {
      let place = this.#places.get(resource);
      if (place === undefined) {
        place = counter.placeOf(resource, this.#kinds.get(resource));
        this.#places.set(resource, place);
        counter.seen(resource);
      }
      this.#waits.set(wait, { place, since: this.#clock.now() });
    });
  }

  unblocked(resource: object, wait: object, granted: boolean): void {
    this.inner.unblocked(resource, wait, granted);
    const note = this.#waits.get(wait);
    // Else it began before there was somebody to count it.
    if (note === undefined) return;
    this.#tell((counter) => counter.waited(note.place, granted, Math.max(0, this.#clock.now() - note.since)));
  }

  taskCreated(task: WatchedTask, scope: object, name: string): void {
    this.inner.taskCreated(task, scope, name);
    const note = noteOf(task);
    if (note !== null) this.#tell((counter) => counter.taskAccepted(note.scope.name));
  }

  taskStarted(task: WatchedTask): void {
    const note = noteOf(task);
    const before = note?.phase;
    this.inner.taskStarted(task);
    if (note !== null && note.phase !== before) this.#tell((counter) => counter.taskBegan(note.scope.name));
  }

  taskEnded(task: WatchedTask, outcome: "fulfilled" | "rejected" | "skipped"): void {
    const note = noteOf(task);
    const before = note?.phase;
    this.inner.taskEnded(task, outcome);
    // Not one that an earlier monitor wrote down, and that this one does not know.
    if (note !== null && note.phase !== before) this.#tell((counter) => counter.taskEnded(note.scope.name, outcome));
  }

  resourceResized(resource: object, capacity: number): void {
    this.inner.resourceResized(resource, capacity);
  }

  acquired(resource: object, weight: number): void {
    this.inner.acquired(resource, weight);
  }

  released(resource: object, weight: number): void {
    this.inner.released(resource, weight);
  }

  calledOff(wait: object): void {
    this.inner.calledOff(wait);
  }

  permitCreated(permit: object, resource: object, weight: number): void {
    this.inner.permitCreated(permit, resource, weight);
  }

  permitReleased(permit: object): void {
    this.inner.permitReleased(permit);
  }

  runTask<T>(task: WatchedTask, body: () => T): T {
    return this.inner.runTask(task, body);
  }

  taskPromise(task: WatchedTask, promise: Promise<unknown>): void {
    this.inner.taskPromise(task, promise);
  }

  awaited(scope: object): void {
    this.inner.awaited(scope);
  }

  sleepStarted(sleep: object, ms: number): void {
    this.inner.sleepStarted(sleep, ms);
  }

  sleepEnded(sleep: object): void {
    this.inner.sleepEnded(sleep);
  }

  misuse(code: string, detail: string): void {
    this.inner.misuse(code, detail);
  }

  /** What is counted must not fail what is done. */
  #tell(what: (counter: Counter) => void): void {
    const { counter } = this;
    if (counter === null) return;
    try {
      what(counter);
    } catch {
      counter.failed();
    }
  }
}

function noteOf({ record }: WatchedTask): TaskRecord | null {
  return record instanceof TaskRecord ? record : null;
}

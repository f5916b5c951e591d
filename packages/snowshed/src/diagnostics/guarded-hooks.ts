import type { Hooks, ResourceKind, WatchedTask } from "../hooks.ts";

/**
 * Stands between the primitives and a watcher: what that throws is told to `onFailure`, and never to the program under
 * watch.
 *
 * @internal
 */
export class GuardedHooks implements Hooks {
  #inner: Hooks | null;
  readonly #onFailure: (error: unknown) => void;

  constructor(inner: Hooks, onFailure: (error: unknown) => void) {
    this.#inner = inner;
    this.#onFailure = onFailure;
  }

  /** From now on nothing is passed on: somebody else's hooks may stand in front and still call. */
  stop(): void {
    this.#inner = null;
  }

  resourceCreated(resource: object, kind: ResourceKind, name: string | undefined, capacity: number): void {
    try {
      this.#inner?.resourceCreated(resource, kind, name, capacity);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  resourceResized(resource: object, capacity: number): void {
    try {
      this.#inner?.resourceResized(resource, capacity);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  blocked(resource: object, weight: number, wait: object, patience?: number): void {
    try {
      this.#inner?.blocked(resource, weight, wait, patience);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  unblocked(resource: object, wait: object, granted: boolean): void {
    try {
      this.#inner?.unblocked(resource, wait, granted);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  acquired(resource: object, weight: number): void {
    try {
      this.#inner?.acquired(resource, weight);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  released(resource: object, weight: number): void {
    try {
      this.#inner?.released(resource, weight);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  calledOff(wait: object): void {
    try {
      this.#inner?.calledOff(wait);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  permitCreated(permit: object, resource: object, weight: number): void {
    try {
      this.#inner?.permitCreated(permit, resource, weight);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  permitReleased(permit: object): void {
    try {
      this.#inner?.permitReleased(permit);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  taskCreated(task: WatchedTask, scope: object, name: string): void {
    try {
      this.#inner?.taskCreated(task, scope, name);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  taskStarted(task: WatchedTask): void {
    try {
      this.#inner?.taskStarted(task);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  runTask<T>(task: WatchedTask, body: () => T): T {
    if (this.#inner === null) return body();
    let state = "before" as "before" | "inside" | "after";
    let value: T | undefined;
    try {
      return this.#inner.runTask(task, () => {
        state = "inside";
        value = body();
        state = "after";
        return value;
      });
    } catch (error) {
      // What the body throws is its own; and it must run once, whatever happens to the watcher.
      if (state === "inside") throw error;
      this.#onFailure(error);
      return state === "after" ? (value as T) : body();
    }
  }

  taskPromise(task: WatchedTask, promise: Promise<unknown>): void {
    try {
      this.#inner?.taskPromise(task, promise);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  taskEnded(task: WatchedTask, outcome: "fulfilled" | "rejected" | "skipped"): void {
    try {
      this.#inner?.taskEnded(task, outcome);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  awaited(scope: object): void {
    try {
      this.#inner?.awaited(scope);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  sleepStarted(sleep: object, ms: number): void {
    try {
      this.#inner?.sleepStarted(sleep, ms);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  sleepEnded(sleep: object): void {
    try {
      this.#inner?.sleepEnded(sleep);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  misuse(code: string, detail: string): void {
    try {
      this.#inner?.misuse(code, detail);
    } catch (error) {
      this.#onFailure(error);
    }
  }
}

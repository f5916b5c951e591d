/**
 * The one seam between the primitives and whoever watches them. While `hooks` is `null` each call point costs one
 * comparison; nothing is recorded, allocated or imported for it.
 *
 * Objects are passed for identity only. A watcher that wants to find leaks must not hold them strongly.
 */
export interface Hooks {
  /** A semaphore, channel, wait group, group, limiter, quota, file handles or pool was made. */
  resourceCreated(resource: object, kind: ResourceKind, name: string | undefined, capacity: number): void;
  /** `resource` now has another capacity. */
  resourceResized(resource: object, capacity: number): void;
  /**
   * Somebody has to wait for `weight` units of `resource`, or for the end of a group or wait group; `wait` is the
   * identity of this wait, an object of ours: the watcher may give it a property `record`. `patience`: the longest it can last, in milliseconds; `Infinity` if only a grant ends it;
   * `undefined` if something else may, at a time that is not known.
   */
  blocked(resource: object, weight: number, wait: object, patience?: number): void;
  /** The wait is over: granted, or given up (canceled, timed out, refused). */
  unblocked(resource: object, wait: object, granted: boolean): void;
  /** `weight` units of `resource` are now held: right after `unblocked(…, true)` by who waited, else by who runs. */
  acquired(resource: object, weight: number): void;
  /** `weight` units of `resource` were given back. */
  released(resource: object, weight: number): void;
  /** `wait` was granted and canceled in one tick: the next `released` gives back what it got. */
  calledOff(wait: object): void;
  /** Units of `resource` are in the hands of `permit`, which can give them back. */
  permitCreated(permit: object, resource: object, weight: number): void;
  /** They were given back. */
  permitReleased(permit: object): void;
  /** A task was accepted by `scope`: it runs already, or waits for its turn. */
  taskCreated(task: WatchedTask, scope: object, name: string): void;
  /** The body of the task begins. */
  taskStarted(task: WatchedTask): void;
  /** Calls `body`, once, and returns what that returns: whoever must know which task runs, notes it here. */
  runTask<T>(task: WatchedTask, body: () => T): T;
  /** What the body returned: the task ends when `promise` settles, never if nothing can settle it. */
  taskPromise(task: WatchedTask, promise: Promise<unknown>): void;
  /** The task has ended. */
  taskEnded(task: WatchedTask, outcome: "fulfilled" | "rejected" | "skipped"): void;
  /** The end of `scope` is waited for: by a scope it belongs to, or by somebody who found it ended. See `blocked`, too. */
  awaited(scope: object): void;
  /** Somebody sleeps for `ms` milliseconds; `sleep` is the identity of this sleep. */
  sleepStarted(sleep: object, ms: number): void;
  sleepEnded(sleep: object): void;
  /** Something was called as it must not be, which throws an error with `code`: somebody may swallow that. */
  misuse(code: string, detail: string): void;
}

/** The identity of a task, with a place where the watcher may keep what it knows of it: cheaper than a WeakMap. */
export interface WatchedTask {
  record: object | null;
}

export type ResourceKind =
  | "semaphore"
  | "channel"
  | "wait-group"
  | "group"
  | "map"
  | "limiter"
  | "quota"
  | "file-handles"
  | "pool";

/** What the copies of this package in one process share, so that one watcher sees what all of them do. */
interface Seam {
  current: Hooks | null;
  readonly copies: ((next: Hooks | null) => void)[];
}

const key = Symbol.for("snowshed.hooks.v1");
const seam = ((globalThis as { [key]?: Seam })[key] ??= { current: null, copies: [] });

/** Live binding: read it at each call point, never keep it. @internal */
export let hooks: Hooks | null = seam.current;
seam.copies.push((next) => {
  hooks = next;
});

/** Installs a watcher, or removes it with `null`. Returns the one that was there. @internal */
export function installHooks(next: Hooks | null): Hooks | null {
  const previous = seam.current;
  seam.current = next;
  for (const install of seam.copies) install(next);
  return previous;
}

/** Runs the body of a task that starts, while there is a watcher. What it returns is to be awaited. @internal */
export function runWatched<T>(task: WatchedTask, body: () => T | PromiseLike<T>): T | PromiseLike<T> {
  hooks?.taskStarted(task);
  const result = hooks === null ? body() : hooks.runTask(task, body);
  if (result === null || (typeof result !== "object" && typeof result !== "function")) return result;
  // What `await` makes of a query with a `then`, or of a promise of another realm: otherwise nobody else could hold it.
  const promise = result instanceof Promise ? result : Promise.resolve(result);
  hooks?.taskPromise(task, promise);
  return promise;
}

/**
 * The same for a body that gets something. The closure is made here: where it is called it would keep the variables of
 * every task on the heap, also of those that nobody watches.
 *
 * @internal
 */
export function runWatchedWith<T, Given>(
  task: WatchedTask,
  body: (given: Given) => T | PromiseLike<T>,
  given: Given,
): T | PromiseLike<T> {
  return runWatched(task, () => body(given));
}

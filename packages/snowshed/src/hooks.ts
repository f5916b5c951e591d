/**
 * The one seam between the primitives and whoever watches them. While `hooks` is `null` each call point costs one
 * comparison; nothing is recorded, allocated or imported for it.
 *
 * Objects are passed for identity only. A watcher that wants to find leaks must not hold them strongly.
 */
export interface Hooks {
  /** A semaphore, channel, wait group, group, limiter, quota, file handles or pool was made. */
  resourceCreated(resource: object, kind: ResourceKind, name: string | undefined, capacity: number): void;
  /** Somebody has to wait for `weight` units of `resource`; `wait` is the identity of this wait. */
  blocked(resource: object, weight: number, wait: object): void;
  /** The wait is over: granted, or given up (canceled, timed out, refused). */
  unblocked(resource: object, wait: object, granted: boolean): void;
  /** `weight` units of `resource` are now held. */
  acquired(resource: object, weight: number): void;
  /** `weight` units of `resource` were given back. */
  released(resource: object, weight: number): void;
  /** A task was accepted by `scope`: it runs already, or waits for its turn. */
  taskCreated(task: object, scope: object, name: string): void;
  /** The body of the task begins. */
  taskStarted(task: object): void;
  /** The task has ended. */
  taskEnded(task: object, outcome: "fulfilled" | "rejected" | "skipped"): void;
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

/** Live binding: read it at each call point, never keep it. @internal */
export let hooks: Hooks | null = null;

/** Installs a watcher, or removes it with `null`. Returns the one that was there. @internal */
export function installHooks(next: Hooks | null): Hooks | null {
  const previous = hooks;
  hooks = next;
  return previous;
}

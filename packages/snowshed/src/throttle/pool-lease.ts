import type { QueueNode } from "../concurrency/queue.ts";

/** A resource of a pool. @internal */
export class PoolEntry<T> implements QueueNode<PoolEntry<T>> {
  before: PoolEntry<T> | null = null;
  after: PoolEntry<T> | null = null;
  readonly resource: T;
  /** When it is too old, by the clock's `now()`. */
  expiresAt: number;
  idleSince = 0;

  constructor(resource: T, expiresAt: number) {
    this.resource = resource;
    this.expiresAt = expiresAt;
  }
}

/** Whom a {@link Lease} is ended with. */
interface LeaseOwner<T> {
  returned(lease: Lease<T>): void;
  broken(lease: Lease<T>, error: unknown): void;
  forgotten(lease: Lease<T>): void;
}

/** That somebody holds a resource. @internal */
export class Lease<T> implements QueueNode<Lease<T>> {
  before: Lease<T> | null = null;
  after: Lease<T> | null = null;
  readonly owner: LeaseOwner<T>;
  readonly entry: PoolEntry<T>;
  since: number;
  /** Who acquired it; null when nobody looked. */
  readonly trace: Trace | null;
  isOver = false;
  /** How old it is, for who watches it: not yet looked at, looked at, reported as a leak. */
  stage: "young" | "watched" | "reported" = "young";
  /** What its holder has, while it is young. */
  permit: object | null = null;

  constructor(owner: LeaseOwner<T>, entry: PoolEntry<T>, since: number, trace: Trace | null) {
    this.owner = owner;
    this.entry = entry;
    this.since = since;
    this.trace = trace;
  }
}

/**
 * The stack at a place in the program. It is captured in a microsecond or so; making text of it costs many, and is done
 * when somebody reads it.
 *
 * @internal
 */
export class Trace {
  declare readonly stack: unknown;

  /** `below`: the function that its user called, and which is no part of it. */
  constructor(below: (...args: never[]) => unknown) {
    Error.captureStackTrace(this, below);
  }

  /** One frame a line. */
  get frames(): string {
    // It need not be text: `Error.stackTraceLimit` and `Error.prepareStackTrace` belong to the program.
    const lines = String(this.stack).split("\n");
    const frames = lines.filter((line) => /^\s+at /.test(line));
    return frames.map((line) => line.trim()).join("\n");
  }
}

/** A resource that is held, to be given back once. */
export interface PoolPermit<T> extends Disposable {
  readonly resource: T;
  /** Gives the resource back. Only the first call counts, of this and `destroy()`. */
  release(): void;
  /** The resource is broken: it is destroyed instead of given back, and its place is free for a new one. */
  destroy(error?: unknown): void;
}

const forgotten = new FinalizationRegistry<Lease<unknown>>((lease) => lease.owner.forgotten(lease));

/**
 * From now on the permit of a lease can become garbage, and its owner is told when it has. This is what a permit would
 * cost most of its time, so it is done only for those that are held for a while.
 *
 * @internal
 */
export function letGo<T>(lease: Lease<T>): void {
  if (lease.permit !== null) forgotten.register(lease.permit, lease, lease);
  lease.permit = null;
}

/** @internal */
export class HeldResource<T> implements PoolPermit<T> {
  readonly resource: T;
  readonly #lease: Lease<T>;

  constructor(lease: Lease<T>) {
    this.resource = lease.entry.resource;
    this.#lease = lease;
    lease.permit = this;
  }

  release(): void {
    const lease = this.#lease;
    this.#end();
    lease.owner.returned(lease);
  }

  destroy(error?: unknown): void {
    const lease = this.#lease;
    this.#end();
    lease.owner.broken(lease, error);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #end(): void {
    const lease = this.#lease;
    if (lease.stage !== "young") forgotten.unregister(lease);
    lease.permit = null;
  }
}

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

/**
 * That somebody holds a resource. It does not know the permit: that is to become garbage when its holder loses it.
 *
 * @internal
 */
export class Lease<T> implements QueueNode<Lease<T>> {
  before: Lease<T> | null = null;
  after: Lease<T> | null = null;
  readonly owner: LeaseOwner<T>;
  readonly entry: PoolEntry<T>;
  readonly since: number;
  /** Who acquired it; null when nobody looked. */
  readonly trace: Trace | null;
  isOver = false;
  isReported = false;

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
  declare readonly stack: string;

  /** `below`: the function that its user called, and which is no part of it. */
  constructor(below: (...args: never[]) => unknown) {
    Error.captureStackTrace(this, below);
  }

  /** One frame a line. */
  get frames(): string {
    const lines = this.stack.split("\n").filter((line) => /^\s+at /.test(line));
    return lines.map((line) => line.trim()).join("\n");
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

/** @internal */
export class HeldResource<T> implements PoolPermit<T> {
  readonly resource: T;
  readonly #lease: Lease<T>;

  constructor(lease: Lease<T>) {
    this.resource = lease.entry.resource;
    this.#lease = lease;
    forgotten.register(this, lease, lease);
  }

  release(): void {
    const lease = this.#lease;
    if (lease.isOver) return;
    forgotten.unregister(lease);
    lease.owner.returned(lease);
  }

  destroy(error?: unknown): void {
    const lease = this.#lease;
    if (lease.isOver) return;
    forgotten.unregister(lease);
    lease.owner.broken(lease, error);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

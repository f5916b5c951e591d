import type { QueueNode } from "../concurrency/queue.ts";
import { Queue } from "../concurrency/queue.ts";
import type { ResourceKind } from "../hooks.ts";
import type { Site } from "./site.ts";
import type { TaskState } from "./snapshot-types.ts";

// What is known of tasks, resources and waits. None of it may lead to the real objects: a resource leads to who waits for
// it, that to the promise of the task, and one that is reachable is never found to be leaked.

/** A live task. Times are milliseconds since watching began. @internal */
export class TaskRecord implements QueueNode<TaskRecord> {
  before: TaskRecord | null = null;
  after: TaskRecord | null = null;
  readonly id: number;
  readonly name: string;
  readonly scope: ResourceRecord;
  /** Who wrote this: a record of an earlier watcher is none. */
  readonly writer: object;
  /** The task that made it; `null` once that has ended, or one task would keep the records of all before it. */
  parent: TaskRecord | null;
  phase: "queued" | "running" | "ended" = "queued";
  readonly createdAt: number;
  /** -1 until it has started. */
  startedAt = -1;
  /** The newest of its waits; the others by `older`. */
  wait: WaitRecord | null = null;
  waits = 0;
  sleeps = 0;
  /** One resource that it holds units of; of the others those in `others`. Most tasks never hold a second one. */
  holding: ResourceRecord | null = null;
  holdingWeight = 0;
  others: Map<ResourceRecord, number> | null = null;
  /** Only while it is young, see `Monitor.weaken()`. */
  promise: Promise<unknown> | null = null;
  /** It has lived long enough to be looked at closely. */
  aged = false;
  leaked = false;
  /** Where it was made, if that was noted. */
  madeAt: Site | null = null;

  constructor(
    id: number,
    name: string,
    scope: ResourceRecord,
    writer: object,
    parent: TaskRecord | null,
    createdAt: number,
  ) {
    this.id = id;
    this.name = name;
    this.scope = scope;
    this.writer = writer;
    this.parent = parent;
    this.createdAt = createdAt;
  }

  get state(): TaskState {
    if (this.leaked) return "leaked";
    if (this.phase === "queued") return "queued";
    if (this.scope.isCanceled) return "canceling";
    if (this.waits > 0) return "waiting";
    return this.sleeps > 0 ? "sleeping" : "running";
  }

  /** What it holds: a copy. */
  get holds(): ReadonlyMap<ResourceRecord, number> {
    const held = new Map(this.others);
    if (this.holding !== null) held.set(this.holding, this.holdingWeight);
    return held;
  }

  /** Where it was made: `src/crawl.ts:41:9`. */
  site(): string | null {
    return this.madeAt?.text ?? null;
  }

  /** Adds to what it holds; takes away with a negative weight. */
  hold(resource: ResourceRecord, weight: number): void {
    if (this.holding === null && !this.others?.has(resource)) this.holding = resource;
    if (this.holding === resource) {
      this.holdingWeight += weight;
      if (this.holdingWeight <= 0) {
        this.holding = null;
        this.holdingWeight = 0;
      }
      return;
    }
    const sum = (this.others?.get(resource) ?? 0) + weight;
    if (sum > 0) (this.others ??= new Map()).set(resource, sum);
    else this.others?.delete(resource);
  }
}

/** A semaphore, channel, group or other thing that is waited for. @internal */
export class ResourceRecord implements QueueNode<ResourceRecord> {
  before: ResourceRecord | null = null;
  after: ResourceRecord | null = null;
  readonly id: number;
  readonly kind: ResourceKind;
  readonly name: string;
  /** `Infinity`: without bound. */
  capacity: number;
  held = 0;
  /** In the order they came. */
  readonly waits: Queue<WaitRecord> = new Queue();
  /** Who has held longest comes first; `null` stands for all that nobody is known to hold. */
  readonly holders: Map<TaskRecord | null, number> = new Map();
  /** Tasks that live in it. */
  live = 0;
  /** Of a scope: somebody has asked for its end. */
  awaited = false;
  /** Of a scope: since when it is known to be canceled, -1 if it is not. */
  canceledAt = -1;
  /** When that was looked for last. */
  lookedAt = -1;
  /** The scope itself, while it is young and has tasks; then weakly. */
  young: object | null = null;
  weak: WeakRef<object> | null = null;
  /** Whether its end is waited for, and whether it has come. */
  registered = false;
  collected = false;
  madeAt: Site | null = null;

  constructor(id: number, kind: ResourceKind, name: string, capacity: number) {
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.capacity = capacity;
  }

  /** Tasks live in it. */
  get isScope(): boolean {
    return this.kind === "group" || this.kind === "wait-group" || this.kind === "map";
  }

  get isCanceled(): boolean {
    if (this.canceledAt >= 0) return true;
    const scope = (this.young ?? this.weak?.deref()) as { context?: { aborted: boolean } } | null | undefined;
    return scope?.context?.aborted ?? false;
  }

  /** `semaphore "database"` */
  get label(): string {
    return this.name === "" ? this.kind : `${this.kind} ${JSON.stringify(this.name)}`;
  }
}

/** Somebody waits. @internal */
export class WaitRecord implements QueueNode<WaitRecord> {
  before: WaitRecord | null = null;
  after: WaitRecord | null = null;
  readonly resource: ResourceRecord;
  readonly weight: number;
  /** Who; `null` if that is not known, or has ended meanwhile. */
  task: TaskRecord | null;
  readonly since: number;
  /** When it gives up by itself, if that is known. */
  readonly deadline: number | null;
  /** Whether something else than a grant may end it. */
  readonly hasTimeoutOrSignal: boolean;
  /** Waits of the same task. */
  older: WaitRecord | null = null;
  newer: WaitRecord | null = null;

  constructor(
    resource: ResourceRecord,
    weight: number,
    task: TaskRecord | null,
    since: number,
    patience: number | undefined,
  ) {
    this.resource = resource;
    this.weight = weight;
    this.task = task;
    this.since = since;
    this.hasTimeoutOrSignal = patience !== Number.POSITIVE_INFINITY;
    this.deadline = patience === undefined || patience === Number.POSITIVE_INFINITY ? null : since + patience;
    if (task !== null) {
      task.waits++;
      this.older = task.wait;
      if (task.wait !== null) task.wait.newer = this;
      task.wait = this;
    }
  }

  /** It no longer waits for its task. */
  leaveTask(): void {
    const { task } = this;
    if (task === null) return;
    task.waits--;
    if (this.newer === null) task.wait = this.older;
    else this.newer.older = this.older;
    if (this.older !== null) this.older.newer = this.newer;
    this.older = this.newer = null;
  }
}

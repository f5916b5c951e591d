import type { ResourceKind } from "../hooks.ts";
import { keptName } from "./plain-text.ts";
import type { Linked } from "./record-list.ts";
import { RecordList } from "./record-list.ts";
import type { Site } from "./site.ts";
import type { TaskState } from "./snapshot-types.ts";

// What is known of tasks, resources and waits. None of it may lead to the real objects: a resource leads to who waits for
// it, that to the promise of the task, and one that is reachable is never found to be leaked.

/** A live task. Times are milliseconds since watching began. @internal */
export class TaskRecord implements Linked<TaskRecord> {
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
  wait: Claim | null = null;
  waits = 0;
  sleeps = 0;
  /** What it got last of what it holds; the others by `older`. */
  holding: Claim | null = null;
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
    this.name = keptName(name);
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
    const held = new Map<ResourceRecord, number>();
    for (let { holding } = this; holding !== null; holding = holding.older) held.set(holding.resource, holding.weight);
    return held;
  }

  /** Where it was made: `src/crawl.ts:41:9`. */
  site(): string | null {
    return this.madeAt?.text ?? null;
  }
}

/** A semaphore, channel, group or other thing that is waited for. @internal */
export class ResourceRecord implements Linked<ResourceRecord> {
  before: ResourceRecord | null = null;
  after: ResourceRecord | null = null;
  readonly id: number;
  readonly kind: ResourceKind;
  readonly name: string;
  /** `Infinity`: without bound. */
  capacity: number;
  held = 0;
  /** In the order they came. */
  readonly waits: RecordList<Claim> = new RecordList();
  /** Who has held longest comes first. Lists, not maps: they change with every acquire. */
  readonly holdings: RecordList<Claim> = new RecordList();
  /** What is held, and not known by whom. */
  unowned = 0;
  /** Tasks that live in it. */
  live = 0;
  /** Of a scope: somebody has asked for its end. */
  awaited = false;
  /** Of a scope: since when it is known to be canceled, -1 if it is not. */
  canceledAt = -1;
  /** When that was looked for last. */
  lookedAt = -1;
  /** The scope itself, while it is young and has tasks; then weakly. Weakly also what permits were made of. */
  young: object | null = null;
  weak: WeakRef<object> | null = null;
  /** Whether its end is waited for, and whether it has come. */
  registered = false;
  collected = false;
  madeAt: Site | null = null;

  constructor(id: number, kind: ResourceKind, name: string, capacity: number) {
    this.id = id;
    this.kind = kind;
    this.name = keptName(name);
    this.capacity = capacity;
  }

  /** Who holds how much of it; `null` stands for those who are not known. A copy. */
  get holders(): ReadonlyMap<TaskRecord | null, number> {
    const holders = new Map<TaskRecord | null, number>();
    if (this.unowned > 0) holders.set(null, this.unowned);
    for (let each = this.holdings.head; each !== null; each = each.after) holders.set(each.task, each.weight);
    return holders;
  }

  /** `weight` more is held, by `task`. */
  hold(task: TaskRecord | null, weight: number): void {
    if (weight === 0) return;
    this.held += weight;
    if (task === null) {
      this.unowned += weight;
      return;
    }
    const holding = this.#holdingOf(task);
    if (holding === null) new Claim(task.writer, this, weight, task, -1, undefined).hold();
    else holding.weight += weight;
  }

  /** What somebody waited for is held now. */
  grant(claim: Claim): void {
    const { task, weight } = claim;
    if (weight === 0 || task === null || this.#holdingOf(task) !== null) this.hold(task, weight);
    else {
      this.held += weight;
      claim.hold();
    }
  }

  /** `weight` less is held: by `task`, as far as it holds some, else by nobody who is known, else by who held longest. */
  giveBack(task: TaskRecord | null, weight: number): void {
    this.held = Math.max(0, this.held - weight);
    let left = weight;
    if (task !== null) {
      const own = this.#holdingOf(task);
      if (own !== null) left -= this.#take(own, left);
    }
    const unowned = Math.min(left, this.unowned);
    this.unowned -= unowned;
    left -= unowned;
    for (let oldest = this.holdings.head; left > 0 && oldest !== null; oldest = this.holdings.head) {
      left -= this.#take(oldest, left);
    }
  }

  /** `task` has ended: what it holds is from now on held by nobody who is known. */
  disown(holding: Claim): void {
    this.unowned += this.#take(holding, holding.weight);
  }

  #holdingOf(task: TaskRecord): Claim | null {
    let { holding } = task;
    while (holding !== null && holding.resource !== this) holding = holding.older;
    return holding;
  }

  #take(holding: Claim, atMost: number): number {
    const { weight } = holding;
    if (weight > atMost) {
      holding.weight -= atMost;
      return atMost;
    }
    holding.giveUp();
    return weight;
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

/** Somebody waits for units of a resource, and then holds them. @internal */
export class Claim implements Linked<Claim> {
  before: Claim | null = null;
  after: Claim | null = null;
  readonly writer: object;
  readonly resource: ResourceRecord;
  weight: number;
  /** Whether it is still waited for. */
  lasts = false;
  /** Who; `null` if that is not known, or has ended meanwhile. */
  task: TaskRecord | null;
  readonly since: number;
  readonly #patience: number | undefined;
  /** What else the same task waits for, or what else it holds. */
  older: Claim | null = null;
  newer: Claim | null = null;

  constructor(
    writer: object,
    resource: ResourceRecord,
    weight: number,
    task: TaskRecord | null,
    since: number,
    patience: number | undefined,
  ) {
    this.writer = writer;
    this.resource = resource;
    this.weight = weight;
    this.task = task;
    this.since = since;
    this.#patience = patience;
  }

  /** When it gives up by itself, if that is known. */
  get deadline(): number | null {
    const patience = this.#patience ?? Number.POSITIVE_INFINITY;
    return patience === Number.POSITIVE_INFINITY ? null : this.since + patience;
  }

  /** Whether something else than a grant may end the wait. */
  get hasTimeoutOrSignal(): boolean {
    return this.#patience !== Number.POSITIVE_INFINITY;
  }

  /** The wait begins. */
  wait(): void {
    this.lasts = true;
    this.resource.waits.push(this);
    const { task } = this;
    if (task === null) return;
    task.waits++;
    this.older = task.wait;
    if (task.wait !== null) task.wait.newer = this;
    task.wait = this;
  }

  /** It no longer waits for its task. */
  leaveTask(): void {
    const { task } = this;
    if (task === null) return;
    task.waits--;
    if (this.newer === null) task.wait = this.older;
    else this.newer.older = this.older;
    this.#unlink();
  }

  /** Its task holds it from now on. */
  hold(): void {
    this.resource.holdings.push(this);
    const task = this.task!;
    this.older = task.holding;
    if (task.holding !== null) task.holding.newer = this;
    task.holding = this;
  }

  giveUp(): void {
    this.resource.holdings.remove(this);
    if (this.newer === null) this.task!.holding = this.older;
    else this.newer.older = this.older;
    this.#unlink();
  }

  #unlink(): void {
    if (this.older !== null) this.older.newer = this.newer;
    this.older = this.newer = null;
  }
}

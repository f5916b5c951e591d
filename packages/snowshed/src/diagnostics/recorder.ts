import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../clock.ts";
import type { Hooks, ResourceKind, WatchedTask } from "../hooks.ts";
import { adopt } from "./adoption.ts";
import { isResourceHeard, publishMisuse, publishResource, publishTaskEnd, publishTaskStart } from "./channels.ts";
import { RecordList } from "./record-list.ts";
import { Claim, ResourceRecord, TaskRecord } from "./records.ts";
import type { Site } from "./site.ts";
import { SiteNotes } from "./site-notes.ts";

export interface RecorderOptions {
  readonly clock: Clock;
  /** Know the current task also behind an `await`, and what time it is at every event. */
  readonly exact: boolean;
  /** Note where one in so many tasks was made; `Infinity`: of none. */
  readonly siteEvery: number;
}

/** What the recorder finds wrong while it writes. */
export interface RecorderFindings {
  exitedHolding(task: TaskRecord): void;
  droppedPermit(resource: ResourceRecord, weight: number, site: Site | null): void;
  notAwaited(scope: ResourceRecord): void;
  blockedLoop(task: TaskRecord, ms: number): void;
}

/** Waits for what has been collected are kept, and shown, up to so many. */
const mostLost = 10_000;

/**
 * What the primitives name tasks and waits by, with its record on it: a WeakMap with an entry for each wait would cost the
 * collector more than all the rest costs.
 */
interface Marked {
  record?: object | null;
}

interface DroppedPermit {
  readonly resource: ResourceRecord;
  readonly weight: number;
  readonly site: Site | null;
}

/** Keeps the records up to date with what the primitives report. @internal */
export class Recorder implements Hooks {
  /** All that have not ended, in the order they were made. */
  readonly tasks: RecordList<TaskRecord> = new RecordList();
  /** Scopes only while tasks live in them or somebody waits for them; the others until they are collected. */
  readonly resources: RecordList<ResourceRecord> = new RecordList();
  started = 0;
  readonly ended = { fulfilled: 0, rejected: 0, skipped: 0 };
  /** Whether `TaskRecord.promise` is of use to somebody. */
  keepsPromises = false;
  /** Milliseconds since watching began, as of the last sweep, or later. */
  time = 0;

  readonly #clock: Clock;
  readonly #origin: number;
  readonly #exact: boolean;
  readonly #sites: SiteNotes;
  readonly #findings: RecorderFindings;
  readonly #storage: AsyncLocalStorage<TaskRecord> | null;
  /** Waits of which nobody is left who could end them. */
  #lost = 0;
  /** Whose body is running right now. */
  #running: TaskRecord | null = null;
  #lastTask = 0;
  #lastResource = 0;
  readonly #known = new WeakMap<object, ResourceRecord>();
  /** The resource that was named last, until the next sweep: mostly it is the next one, too. */
  #named: object | null = null;
  #namedRecord: ResourceRecord | null = null;
  #scope: object | null = null;
  #scopeRecord: ResourceRecord | null = null;
  /** The wait that was granted last: what it got is reported right after. */
  #granted: Claim | null = null;
  /** Who gives back next, if that is not who runs. */
  #calledOff: TaskRecord | null = null;
  readonly #collected: FinalizationRegistry<ResourceRecord>;
  readonly #permits: FinalizationRegistry<DroppedPermit>;

  constructor(options: RecorderOptions, findings: RecorderFindings) {
    this.#clock = options.clock;
    this.#origin = options.clock.now();
    this.#exact = options.exact;
    this.#sites = new SiteNotes(options.siteEvery);
    this.#findings = findings;
    this.#storage = options.exact ? new AsyncLocalStorage() : null;
    this.#collected = new FinalizationRegistry((resource) => this.#forget(resource));
    this.#permits = new FinalizationRegistry(({ resource, weight, site }) => {
      // With its resource gone, too, nobody misses it.
      if (resource.weak?.deref() !== undefined) findings.droppedPermit(resource, weight, site);
    });
  }

  /** Milliseconds since watching began. */
  now(): number {
    const now = this.#clock.now() - this.#origin;
    this.time = Math.floor(now);
    return now;
  }

  readonly #readTime = (): number => this.now();

  /** The same, as exact as this recorder is: reading the clock is a good part of what a record costs. */
  #now(): number {
    return this.#exact || isResourceHeard() ? this.now() : this.time;
  }

  /** To be called now and then: lets go of what must not be held for long. */
  sweep(): void {
    this.now();
    this.#granted = this.#calledOff = null;
    this.#named = this.#namedRecord = this.#scope = this.#scopeRecord = null;
    this.#sites.sweep();
  }

  /** Ends it: nobody is asked any more which task runs. */
  stop(): void {
    this.#storage?.disable();
  }

  get currentTask(): TaskRecord | null {
    const task = this.#storage === null ? this.#running : (this.#storage.getStore() ?? null);
    return task === null || task.phase === "ended" ? null : task;
  }

  resourceCreated(resource: object, kind: ResourceKind, name: string | undefined, capacity: number): void {
    const record = new ResourceRecord(++this.#lastResource, kind, name ?? "", capacity);
    this.#enroll(resource, record);
    record.madeAt = this.#sites.ofThing(this.resourceCreated);
  }

  resourceResized(resource: object, capacity: number): void {
    const record = this.#known.get(resource);
    if (record !== undefined) record.capacity = capacity;
  }

  blocked(resource: object, weight: number, wait: object, patience?: number): void {
    const record = this.#resourceOf(resource, 0);
    const task = this.currentTask;
    if (this.#lost >= mostLost && task?.wait?.resource.collected === true) this.#drop(task.wait);
    const claim = new Claim(this, record, weight, task, this.#now(), patience);
    if (record.isScope) {
      record.awaited = true;
      this.#list(record);
    }
    claim.wait();
    (wait as Marked).record = claim;
    publishResource("blocked", record, weight, task, 0);
  }

  unblocked(_resource: object, wait: object, granted: boolean): void {
    const claim = this.#waitOf(wait);
    if (claim === null || !claim.lasts) return;
    const { resource } = claim;
    claim.lasts = false;
    resource.waits.remove(claim);
    claim.leaveTask();
    if (granted) this.#granted = claim;
    this.#unlistIfIdle(resource);
  }

  acquired(resource: object, weight: number): void {
    const record = this.#resourceOf(resource, -weight);
    const granted = this.#granted;
    this.#granted = null;
    const claim = granted?.resource === record ? granted : null;
    const task = claim === null ? this.currentTask : claim.task;
    if (claim?.weight === weight) record.grant(claim);
    else record.hold(task, weight);
    if (isResourceHeard()) {
      const waited = claim === null ? 0 : Math.max(0, this.now() - claim.since);
      publishResource("acquired", record, weight, task, waited);
    }
  }

  released(resource: object, weight: number): void {
    const record = this.#resourceOf(resource, weight);
    const task = this.#calledOff ?? this.currentTask;
    this.#calledOff = null;
    record.giveBack(task, weight);
    publishResource("released", record, weight, task, 0);
  }

  calledOff(wait: object): void {
    this.#calledOff = this.#waitOf(wait)?.task ?? null;
  }

  permitCreated(permit: object, resource: object, weight: number): void {
    const record = this.#resourceOf(resource, 0);
    const site = this.#sites.ofThing(this.permitCreated);
    record.weak ??= new WeakRef(resource);
    this.#permits.register(permit, { resource: record, weight, site }, permit);
  }

  permitReleased(permit: object): void {
    this.#permits.unregister(permit);
  }

  taskCreated(task: WatchedTask, scope: object, name: string): void {
    const owner = this.#scopeOf(scope);
    const number = ++this.#lastTask;
    // Now and then also between sweeps: with many tasks the time is right, with few it may be a second old.
    if (!this.#exact && number % 64 === 0) this.now();
    const record = new TaskRecord(number, name, owner, this, this.currentTask, Math.floor(this.#now()));
    task.record = record;
    this.started++;
    this.tasks.push(record);
    if (owner.live++ === 0) {
      owner.young = scope;
      this.#list(owner);
    }
    record.madeAt = this.#sites.ofTask(this.taskCreated);
  }

  taskStarted(task: WatchedTask): void {
    const record = this.#recordOf(task);
    if (record === null) return;
    record.phase = "running";
    record.startedAt = Math.floor(this.#now());
    publishTaskStart(record);
  }

  runTask<T>(task: WatchedTask, body: () => T): T {
    const record = this.#recordOf(task);
    if (record === null) return body();
    if (this.#storage !== null) return this.#runExactly(record, this.#storage, body);
    const outer = this.#running;
    this.#running = record;
    try {
      return body();
    } finally {
      this.#running = outer;
    }
  }

  #runExactly<T>(record: TaskRecord, storage: AsyncLocalStorage<TaskRecord>, body: () => T): T {
    const began = this.now();
    try {
      return storage.run(record, body);
    } finally {
      this.#findings.blockedLoop(record, this.now() - began);
    }
  }

  taskPromise(task: WatchedTask, promise: Promise<unknown>): void {
    if (!this.keepsPromises) return;
    const record = this.#recordOf(task);
    if (record !== null && record.phase !== "ended") record.promise = promise;
  }

  taskEnded(task: WatchedTask, outcome: "fulfilled" | "rejected" | "skipped"): void {
    const record = this.#recordOf(task);
    if (record === null || record.phase === "ended") return;
    const { scope } = record;
    if (record.holding !== null) {
      // Otherwise who gave back was only guessed.
      if (this.#exact) this.#findings.exitedHolding(record);
      for (let { holding } = record; holding !== null; { holding } = record) holding.resource.disown(holding);
    }
    record.phase = "ended";
    for (let { wait } = record; wait !== null; { wait } = record) {
      if (wait.resource.collected && this.#lost >= mostLost) this.#drop(wait);
      else {
        wait.leaveTask();
        wait.task = null;
      }
    }
    if (this.tasks.has(record)) this.tasks.remove(record);
    this.ended[outcome]++;
    publishTaskEnd(record, outcome, this.#readTime);
    record.parent = record.promise = null;
    if (--scope.live > 0) return;
    // Nobody waits for its end yet, and if nobody ever will, that is worth a word.
    if (!scope.awaited && !scope.registered && scope.kind !== "map") {
      const object = scope.young ?? scope.weak?.deref();
      scope.registered = object !== undefined;
      if (object !== undefined) this.#collected.register(object, scope);
    }
    scope.young = scope.weak = null;
    this.#unlistIfIdle(scope);
  }

  awaited(scope: object): void {
    const record = this.#known.get(scope);
    if (record !== undefined) record.awaited = true;
  }

  sleepStarted(sleep: object): void {
    const task = this.currentTask;
    if (task === null) return;
    task.sleeps++;
    (sleep as Marked).record = task;
  }

  sleepEnded(sleep: object): void {
    const task = this.#recordOf(sleep);
    if (task !== null) task.sleeps--;
  }

  misuse(code: string, detail: string): void {
    publishMisuse(code, detail, this.currentTask);
  }

  #recordOf({ record }: Marked): TaskRecord | null {
    return (record as TaskRecord | null | undefined)?.writer === this ? (record as TaskRecord) : null;
  }

  #waitOf({ record }: Marked): Claim | null {
    return (record as Claim | null | undefined)?.writer === this ? (record as Claim) : null;
  }

  #resourceOf(resource: object, change: number): ResourceRecord {
    if (resource === this.#named) return this.#namedRecord!;
    this.#named = resource;
    return (this.#namedRecord = this.#known.get(resource) ?? this.#adopt(resource, change));
  }

  /** With a memory of its own: tasks are made in a scope, and wait for something else, in turns. */
  #scopeOf(scope: object): ResourceRecord {
    if (scope === this.#scope) return this.#scopeRecord!;
    this.#scope = scope;
    return (this.#scopeRecord = this.#known.get(scope) ?? this.#adopt(scope, 0));
  }

  #enroll(resource: object, record: ResourceRecord): void {
    this.#known.set(resource, record);
    if (record.isScope) return;
    this.resources.push(record);
    record.registered = true;
    this.#collected.register(resource, record);
  }

  /** `change`: what the event that is being reported has already done to what is held, to be undone. */
  #adopt(resource: object, change: number): ResourceRecord {
    const { kind, name, capacity, held } = adopt(resource);
    const record = new ResourceRecord(++this.#lastResource, kind, name, capacity);
    record.hold(null, Math.max(0, held + change));
    // Whether somebody asked for the end of a scope before, nobody knows.
    record.awaited = true;
    this.#enroll(resource, record);
    return record;
  }

  #list(scope: ResourceRecord): void {
    if (!this.resources.has(scope)) this.resources.push(scope);
  }

  #unlistIfIdle(resource: ResourceRecord): void {
    if (resource.waits.size > 0 || resource.live > 0 || !(resource.isScope || resource.collected)) return;
    if (this.resources.has(resource)) this.resources.remove(resource);
  }

  /** Lets go of a task that has leaked, and of what only it keeps here: there may be a million of them. */
  abandon(task: TaskRecord): void {
    if (task.phase === "ended") return;
    const { scope } = task;
    for (let { holding } = task; holding !== null; { holding } = task) holding.resource.disown(holding);
    for (let { wait } = task; wait !== null; { wait } = task) this.#drop(wait);
    task.phase = "ended";
    task.parent = task.promise = null;
    if (this.tasks.has(task)) this.tasks.remove(task);
    if (--scope.live > 0) return;
    // Its end never comes: who waits for it is let go with it.
    const object = scope.young ?? scope.weak?.deref();
    scope.young = scope.weak = null;
    scope.awaited = true;
    if (object === undefined) this.#forget(scope);
    else this.#collected.register(object, scope);
  }

  /** A task that has not gone on to another wait is still shown with this one. */
  #dropWaits(resource: ResourceRecord): void {
    for (let wait = resource.waits.head; wait !== null;) {
      const { after, task } = wait;
      if (task === null || task.wait !== wait) this.#drop(wait);
      wait = after;
    }
  }

  /** A wait that nobody can end any more. */
  #drop(wait: Claim): void {
    const { resource } = wait;
    wait.lasts = false;
    if (resource.waits.has(wait)) resource.waits.remove(wait);
    wait.leaveTask();
    this.#unlistIfIdle(resource);
  }

  #forget(resource: ResourceRecord): void {
    resource.collected = true;
    // With it went all that could end these waits.
    if (this.#lost < mostLost) this.#lost += resource.waits.size;
    else this.#dropWaits(resource);
    this.#unlistIfIdle(resource);
    if (resource.isScope && !resource.awaited) this.#findings.notAwaited(resource);
  }
}

import type { AbortScope } from "../../concurrency/abort.ts";
import type { Context } from "../../concurrency/context.ts";
import { Waiters } from "../../concurrency/waiters.ts";
import { CanceledError, DeadlineExceededError, SnowshedError } from "../../errors.ts";
import { hooks } from "../../hooks.ts";
import type { CancelableWaiter } from "../../overload/cancelable-waiter.ts";
import type { EtcdClient } from "./etcd-client.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { isLeaseGone, toBackendError, unanswered } from "./etcd-failures.ts";
import type { KeyValue, TxnRequest, TxnResponse, WatchEvent } from "./etcd-messages.ts";
import { range, txn } from "./etcd-messages.ts";
import type { EtcdSession } from "./etcd-session.ts";
import type { KeysListener } from "./prefix-watch.ts";
import { PrefixWatch } from "./prefix-watch.ts";
import type { EtcdPermit } from "./semaphore-place.ts";
import { PlaceWaiter } from "./semaphore-place.ts";
import { SemaphorePlaces } from "./semaphore-places.ts";
import type { SemaphoreRequests } from "./semaphore-requests.ts";
import type { PermitsValue } from "./semaphore-view.ts";
import { SemaphoreView } from "./semaphore-view.ts";

/** @internal */
export interface HubPlan {
  readonly client: EtcdClient;
  readonly requests: SemaphoreRequests;
  readonly permits: PermitsValue;
  /** Of the lease, in seconds. */
  readonly ttl: number;
  readonly owner: string;
  /** What the hooks are told. */
  readonly resource: object;
  /** For messages. */
  readonly label: string;
}

/**
 * All that one process has to do with one semaphore: what it knows of it, its lease, and those who wait.
 *
 * @internal
 */
export class SemaphoreHub implements KeysListener {
  readonly #plan: HubPlan;
  readonly #connection: EtcdConnection;
  readonly #view: SemaphoreView;
  readonly #watch: PrefixWatch;
  readonly #places: SemaphorePlaces;
  /** Those whom the server has not heard of yet, and those it has, or is about to. */
  readonly #fresh = new Set<PlaceWaiter>();
  readonly #sent = new Set<PlaceWaiter>();
  /** Those who only want to know when it is ready. */
  readonly #ready = new Waiters();
  #session: EtcdSession | null = null;
  #isConnected = false;
  #isPreparing = false;
  /** Whether the server knows how many permits there are to be. */
  #isDeclared = false;
  #checkedPermits = -1n;
  #cancelDown: (() => void) | null = null;
  #isClosed = false;

  constructor(plan: HubPlan) {
    const { client, requests, owner, resource } = plan;
    this.#plan = plan;
    this.#connection = client.connection;
    this.#view = new SemaphoreView(requests.prefix);
    this.#watch = new PrefixWatch(this.#connection, requests.prefix, this);
    const tag = client.sessions.nextTag();
    this.#places = new SemaphorePlaces(
      { connection: this.#connection, view: this.#view, requests, owner, tag, resource },
      this,
    );
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get permits(): number {
    return (this.#view.permits ?? this.#plan.permits).permits;
  }

  get held(): number {
    return this.#places.held.reduce((sum, { weight }) => sum + weight, 0);
  }

  get pending(): number {
    return this.#fresh.size + this.#sent.size;
  }

  get lost(): number {
    return this.#places.lost;
  }

  /** Waits for a permit. `scope` must not be aborted. */
  wait(
    weight: number,
    parent: Context,
    scope: AbortScope | null,
    timeout: number,
    proposal?: string,
  ): Promise<EtcdPermit> {
    const { clock } = this.#connection;
    return new Promise((resolve, reject) => {
      const waiter = new PlaceWaiter(this, weight, proposal, parent, clock.now(), scope !== null, resolve, reject);
      scope?.link(waiter);
      if (timeout !== Number.POSITIVE_INFINITY) {
        waiter.cancelTimer = clock.setTimeout(() => this.giveUp(waiter, this.#timedOut(waiter, timeout)), timeout);
      }
      hooks?.blocked(this.#plan.resource, weight, waiter);
      this.#refresh(waiter);
    });
  }

  /** A permit at once, or `undefined`. */
  async tryEnter(weight: number, parent: Context): Promise<EtcdPermit | undefined> {
    const until = this.#connection.clock.now() + this.#connection.timeout;
    let isFresh = false;
    for (;;) {
      const session = await this.#whenReady();
      const slots = this.#view.slotsFor(weight);
      if (slots !== null) {
        const place = this.#places.add(session, weight, null);
        const taken = this.#places.take(place, slots, parent, this.#left(until));
        const permit = await taken.catch((error: unknown) => {
          if (!isLeaseGone(error)) throw error;
          return null;
        });
        if (permit !== null) return permit;
      } else if (isFresh) return undefined;
      else {
        // What is known here may be late: the server is asked.
        const { answer } = await this.#connection.call(range, this.#plan.requests.everything, this.#left(until));
        this.adopt(answer.kvs, answer.header!.revision);
        isFresh = true;
      }
    }
  }

  /** Changes what a candidate says that has been elected. */
  async propose(permit: EtcdPermit, proposal: string): Promise<void> {
    await this.#places.propose(permit.place, proposal);
  }

  async resize(permits: number): Promise<void> {
    const until = this.#connection.clock.now() + this.#connection.timeout;
    await this.#whenReady();
    for (let isDone = false; !isDone;) {
      const version = (this.#view.permits ?? this.#plan.permits).version + 1;
      isDone = await this.#transact(this.#plan.requests.setPermits({ permits, version }, this.#view), until);
    }
  }

  /** Refuses who waits, and gives back what is held. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = this.closedError();
    this.#refuseFresh(error);
    for (const waiter of this.#sent) this.giveUp(waiter, error);
    await Promise.allSettled(this.#places.held.map((permit) => permit.release()));
    this.#cancelDown?.();
    this.#watch.close();
    await this.#plan.client.sessions.leave(this, this.#plan.ttl);
  }

  closedError(): SnowshedError {
    return new CanceledError(`${this.#plan.label} is closed`);
  }

  neverFits(weight: number): SnowshedError {
    return new SnowshedError(
      "SNOWSHED_NEVER_FITS",
      `weight ${weight} exceeds the ${this.permits} permits of ${this.#plan.label}`,
    );
  }

  // What the watch says.

  adopt(kvs: readonly KeyValue[], revision: bigint): void {
    if (!this.#view.adopt(kvs, revision)) return;
    this.#places.adopted(revision);
    this.#clean(this.#view.places.keys());
    this.#changed();
  }

  apply(events: readonly WatchEvent[]): void {
    const { put, gone } = this.#view.apply(events);
    this.#places.removed(gone);
    this.#clean(put);
    this.#changed();
  }

  connected(): void {
    this.#isConnected = true;
    // What could not be given back while the server was away.
    this.#clean(this.#view.places.keys());
    this.#changed();
  }

  disconnected(): void {
    this.#isConnected = false;
    this.#advance();
  }

  failed(error: unknown): void {
    this.#isConnected = false;
    this.#refuseAll(error);
  }

  // What the places say.

  read(answer: TxnResponse): void {
    const read = answer.responses.findLast((response) => response.range !== undefined);
    this.adopt(read!.range!.kvs, answer.header!.revision);
  }

  granted(waiter: PlaceWaiter, permit: EtcdPermit): void {
    this.#sent.delete(waiter);
    hooks?.unblocked(this.#plan.resource, waiter, true);
    waiter.permit = permit;
    waiter.admit();
  }

  displaced(waiter: PlaceWaiter): void {
    waiter.place = null;
    // It has lost its place in the queue, and gets another one.
    if (this.#sent.delete(waiter)) this.#refresh(waiter);
  }

  refused(waiter: PlaceWaiter, error: unknown): void {
    this.giveUp(waiter, error);
  }

  // What waiters say.

  giveUp(waiter: CancelableWaiter, error: unknown): void {
    const given = waiter as PlaceWaiter;
    this.#fresh.delete(given);
    this.#sent.delete(given);
    hooks?.unblocked(this.#plan.resource, given, false);
    const { place } = given;
    given.place = null;
    given.refuse(error);
    // If the server cannot be told, the key goes when it is back, or with its lease.
    if (place !== null) this.#places.leave(place).catch(() => {});
  }

  callOff(waiter: CancelableWaiter): void {
    (waiter as PlaceWaiter).permit!.release().catch(() => {});
  }

  get #isReady(): boolean {
    return this.#isConnected && this.#isDeclared && this.#session?.isLive === true;
  }

  async #whenReady(): Promise<EtcdSession> {
    // A lease may end between the moment it is there and the one in which this goes on.
    while (!this.#isReady) {
      if (this.#isClosed) throw this.closedError();
      const ready = this.#ready.wait(null);
      this.#advance();
      await ready;
    }
    return this.#session!;
  }

  #refresh(waiter: PlaceWaiter): void {
    waiter.contactBy = this.#connection.clock.now() + this.#connection.timeout;
    this.#fresh.add(waiter);
    this.#advance();
  }

  #changed(): void {
    const { permits, permitsRevision } = this.#view;
    if (permits === undefined) this.#isDeclared = false;
    else if (permitsRevision !== this.#checkedPermits) {
      this.#checkedPermits = permitsRevision;
      for (const waiter of this.#sent) {
        if (waiter.weight > permits.permits) this.giveUp(waiter, this.neverFits(waiter.weight));
      }
    }
    this.#advance();
    this.#places.serve();
  }

  /** Does what comes next for those who wait for something. */
  #advance(): void {
    if (this.#isReady) {
      this.#cancelDown?.();
      this.#cancelDown = null;
      this.#ready.resolve();
      for (const waiter of this.#fresh) {
        this.#fresh.delete(waiter);
        this.#sent.add(waiter);
        void this.#enter(waiter);
      }
      return;
    }
    if (this.#fresh.size + this.#sent.size + this.#ready.size === 0) return;
    this.#watch.start();
    const { clock, timeout } = this.#connection;
    this.#cancelDown ??= clock.setTimeout(() => {
      this.#cancelDown = null;
      this.#refuseAll(this.#notReached(timeout));
    }, timeout);
    if (this.#isConnected && !this.#isPreparing) void this.#prepare();
  }

  /** Says how many permits there are, and gets a lease. */
  async #prepare(): Promise<void> {
    const { permits, ttl, client, requests } = this.#plan;
    const until = this.#connection.clock.now() + this.#connection.timeout;
    this.#isPreparing = true;
    try {
      let isSet = false;
      while (!isSet && (this.#view.permits === undefined || this.#view.permits.version < permits.version)) {
        isSet = await this.#transact(requests.setPermits(permits, this.#view), until);
      }
      const session = await client.sessions.join(this, ttl);
      if (this.#session !== session) session.onOver((error) => this.#places.sessionOver(session, error));
      this.#session = session;
      // Where the key was put just now, the watch says so.
      this.#isDeclared = this.#view.permits !== undefined;
    } catch (error) {
      this.#refuseFresh(error);
    } finally {
      this.#isPreparing = false;
    }
    if (this.#isDeclared || !this.#isConnected) this.#advance();
  }

  async #enter(waiter: PlaceWaiter): Promise<void> {
    const { weight, parent } = waiter;
    if (weight > this.#view.permits!.permits) return this.giveUp(waiter, this.neverFits(weight));
    const place = this.#places.add(this.#session!, weight, waiter);
    waiter.place = place;
    const slots = this.#places.isTaking ? null : this.#view.slotsFor(weight);
    const bound = this.#left(waiter.contactBy);
    try {
      const permit = await (slots === null
        ? this.#places.queue(place, parent, bound)
        : this.#places.take(place, slots, parent, bound));
      if (permit !== null) this.granted(waiter, permit);
    } catch (error) {
      if (waiter.place === place) this.giveUp(waiter, error);
    }
    this.#places.serve();
  }

  /** Whether it was carried out; if not, what has changed is known now. */
  async #transact(request: TxnRequest, until: number): Promise<boolean> {
    const { answer } = await this.#connection.call(txn, request, this.#left(until));
    if (!answer.succeeded) this.read(answer);
    return answer.succeeded;
  }

  #clean(ids: Iterable<string>): void {
    if (this.#session?.isLive === true) this.#places.clean(this.#session, ids);
  }

  #left(until: number): number {
    return Math.max(0, until - this.#connection.clock.now());
  }

  #refuseFresh(error: unknown): void {
    this.#ready.reject(error);
    for (const waiter of this.#fresh) this.giveUp(waiter, error);
  }

  #refuseAll(error: unknown): void {
    // Or it would keep the process running, for nobody.
    this.#cancelDown?.();
    this.#cancelDown = null;
    this.#refuseFresh(error);
    for (const waiter of this.#sent) this.giveUp(waiter, error);
  }

  #timedOut(waiter: PlaceWaiter, timeout: number): SnowshedError {
    const { weight } = waiter;
    if (this.#isReady) return new DeadlineExceededError(`waited ${timeout} ms for ${weight} of ${this.#plan.label}`);
    return this.#notReached(timeout);
  }

  #notReached(ms: number): SnowshedError {
    return toBackendError("not reached", this.#connection.lastFailure ?? unanswered(`no answer within ${ms} ms`));
  }
}

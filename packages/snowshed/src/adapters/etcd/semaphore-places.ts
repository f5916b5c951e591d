import type { Context } from "../../concurrency/context.ts";
import { SnowshedError } from "../../errors.ts";
import { hooks } from "../../hooks.ts";
import type { Fence } from "../../throttle/lease-permit.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { isLeaseGone } from "./etcd-failures.ts";
import type { TxnResponse } from "./etcd-messages.ts";
import { txn } from "./etcd-messages.ts";
import type { EtcdSession } from "./etcd-session.ts";
import type { PlaceWaiter } from "./semaphore-place.ts";
import { EtcdPermit, OwnPlace } from "./semaphore-place.ts";
import type { SemaphoreRequests } from "./semaphore-requests.ts";
import type { PlaceValue, SemaphoreView } from "./semaphore-view.ts";

/** Who is told what becomes of the places. */
interface PlacesHost {
  /** Takes all keys, as a transaction that changed nothing has read them. */
  read(answer: TxnResponse): void;
  granted(waiter: PlaceWaiter, permit: EtcdPermit): void;
  /** Its place is gone, through no doing of its own. */
  displaced(waiter: PlaceWaiter): void;
  refused(waiter: PlaceWaiter, error: unknown): void;
}

/** @internal */
export interface PlacesPlan {
  readonly connection: EtcdConnection;
  readonly view: SemaphoreView;
  readonly requests: SemaphoreRequests;
  readonly owner: string;
  /** What tells their keys from those of other semaphores of this process. */
  readonly tag: string;
  /** What the hooks are told. */
  readonly resource: object;
}

/**
 * The places of this process in the queue of a semaphore. Whatever becomes of a request, no key of a place that nobody
 * wants stays there: one that shows up is taken away.
 *
 * @internal
 */
export class SemaphorePlaces {
  readonly #plan: PlacesPlan;
  readonly #host: PlacesHost;
  /** All that may have keys, and whose session is not over. */
  readonly #places = new Map<string, OwnPlace>();
  /** Keys that nobody wants, and that are being taken away. */
  readonly #unwanted = new Set<string>();
  /** How many permits were lost. */
  lost = 0;
  #number = 0;
  /** Requests under way that may take slots at once: another one would only be in their way. */
  #taking = 0;

  constructor(plan: PlacesPlan, host: PlacesHost) {
    this.#plan = plan;
    this.#host = host;
  }

  get isTaking(): boolean {
    return this.#taking > 0;
  }

  get held(): readonly EtcdPermit[] {
    return [...this.#places.values()].flatMap(({ permit }) => (permit === null ? [] : [permit]));
  }

  add(session: EtcdSession, weight: number, waiter: PlaceWaiter | null): OwnPlace {
    const id = `${session.id}-${this.#plan.tag}-${(this.#number++).toString(36)}`;
    const place = new OwnPlace(id, weight, session, this.#plan.connection.clock.date(), waiter);
    this.#places.set(id, place);
    return place;
  }

  /** Tries to take `slots` without waiting. Where that fails, a place with a waiter is in the queue then, another is gone. */
  async take(place: OwnPlace, slots: readonly number[], parent: Context, bound: number): Promise<EtcdPermit | null> {
    const { requests, view } = this.#plan;
    place.slots = slots;
    const request = requests.enter(place, this.#granted(place), slots, view, place.waiter === null);
    this.#taking++;
    try {
      const answer = await this.#send(place, request, bound);
      if (answer.succeeded) return this.#grantNow(place, parent, answer.header!.revision);
      return this.#readBack(place, answer, parent);
    } finally {
      this.#taking--;
    }
  }

  /** Puts a place at the end of the queue. */
  async queue(place: OwnPlace, parent: Context, bound: number): Promise<EtcdPermit | null> {
    const answer = await this.#send(place, this.#plan.requests.queue(place, this.#waiting(place)), bound);
    if (!answer.succeeded) return this.#readBack(place, answer, parent);
    place.createRevision = answer.header!.revision;
    this.#await(place);
    return null;
  }

  /** Claims slots for those whose turn has come. */
  serve(): void {
    for (const { place, slots } of this.#plan.view.turns()) {
      const own = this.#places.get(place.id);
      if (own?.state === "waiting") void this.#claim(own, slots);
    }
  }

  /** Another proposal for a place that holds. */
  async propose(place: OwnPlace, proposal: string): Promise<void> {
    const { connection, requests } = this.#plan;
    const value = { ...this.#waiting(place), granted: place.granted, proposal };
    const { answer } = await connection.call(txn, requests.rewrite(place, value, place.createRevision));
    if (answer.succeeded) return;
    const error = goneError();
    this.#lose(place, error);
    throw error;
  }

  /** Nobody wants it any more. Resolves when its keys are gone. */
  async leave(place: OwnPlace): Promise<void> {
    if (place.state === "left") return;
    place.state = "left";
    place.waiter = place.permit = null;
    // What is under way could put back what is taken away now: see #settled.
    if (!place.isUnsettled) await this.#remove(place);
  }

  giveBack(permit: EtcdPermit): Promise<void> {
    hooks?.released(this.#plan.resource, permit.weight);
    return this.leave(permit.place);
  }

  /** All keys were read again. */
  adopted(revision: bigint): void {
    for (const place of this.#places.values()) {
      const isKnown = place.createRevision > 0n && place.createRevision <= revision;
      if (isKnown && !place.isUnsettled && !this.#plan.view.places.has(place.id)) this.#gone(place);
    }
  }

  /** Keys of places were taken away. */
  removed(ids: readonly string[]): void {
    for (const id of ids) {
      const place = this.#places.get(id);
      if (place !== undefined) this.#gone(place);
    }
  }

  /** Takes away keys of this process that nobody wants. */
  clean(session: EtcdSession, ids: Iterable<string>): void {
    const own = `${session.id}-${this.#plan.tag}-`;
    for (const id of ids) {
      if (!id.startsWith(own) || this.#places.has(id) || this.#unwanted.has(id)) continue;
      const slots = this.#plan.view.fences(id).map(({ slot }) => slot);
      void this.#takeAway(id, slots);
    }
  }

  sessionOver(session: EtcdSession, error: SnowshedError): void {
    for (const place of this.#places.values()) if (place.session === session) this.#lose(place, error);
  }

  async #claim(place: OwnPlace, slots: readonly number[]): Promise<void> {
    const { requests, view } = this.#plan;
    const waiter = place.waiter!;
    place.state = "claiming";
    place.slots = slots;
    try {
      const request = requests.claim(place, this.#granted(place), place.createRevision, slots, view);
      const answer = await this.#send(place, request);
      const permit = answer.succeeded
        ? this.#grant(place, waiter.parent, fencesOf(slots, answer.header!.revision))
        : this.#readBack(place, answer, waiter.parent);
      if (permit !== null) this.#host.granted(waiter, permit);
    } catch (error) {
      if (waiter.place === place) this.#host.refused(waiter, error);
    }
    this.serve();
  }

  /** A request that may put keys of the place there. */
  async #send(
    place: OwnPlace,
    request: Parameters<typeof txn.request.encode>[0],
    bound?: number,
  ): Promise<TxnResponse> {
    const { connection, view } = this.#plan;
    place.isUnsettled = true;
    try {
      const { answer } = await connection.call(txn, request, bound);
      return answer;
    } catch (error) {
      this.#places.delete(place.id);
      // It may have been carried out all the same, or will be: whenever its key shows up, it is taken away.
      if (view.places.has(place.id)) this.clean(place.session, [place.id]);
      if (isLeaseGone(error)) {
        place.session.lose("the server does not know it", error);
        if (place.waiter !== null) this.#displace(place);
      }
      throw error;
    } finally {
      place.isUnsettled = false;
    }
  }

  #grantNow(place: OwnPlace, parent: Context, revision: bigint): EtcdPermit | null {
    place.createRevision = revision;
    return this.#grant(place, parent, fencesOf(place.slots, revision));
  }

  /** After a transaction that changed nothing, or only put it into the queue: the keys say what it is now. */
  #readBack(place: OwnPlace, answer: TxnResponse, parent: Context): EtcdPermit | null {
    const { view } = this.#plan;
    place.slots = [];
    this.#host.read(answer);
    const found = view.places.get(place.id);
    const fences = view.fences(place.id);
    // One that somebody else has written to could never claim anything.
    const isSpoilt = found?.modRevision !== found?.createRevision && fences.length === 0;
    if (found === undefined || isSpoilt) {
      if (place.waiter === null || place.state === "left") this.#places.delete(place.id);
      else this.#gone(place);
      return null;
    }
    place.createRevision = found.createRevision;
    // The same request had been carried out before, and its answer was lost.
    if (fences.length > 0) return this.#grant(place, parent, fences);
    this.#await(place);
    return null;
  }

  #await(place: OwnPlace): void {
    if (!this.#isLeft(place)) place.state = "waiting";
  }

  #grant(place: OwnPlace, parent: Context, fences: readonly Fence[]): EtcdPermit | null {
    place.slots = fences.map(({ slot }) => slot);
    // A lease that is over by now has displaced its places: nothing of it is handed out.
    void place.session.isLive;
    if (this.#isLeft(place)) return null;
    place.state = "held";
    const permit = new EtcdPermit(this, place, parent, fences);
    place.permit = permit;
    hooks?.acquired(this.#plan.resource, place.weight);
    return permit;
  }

  /** Whether it was left while its request was under way: then its keys are taken away now. */
  #isLeft(place: OwnPlace): boolean {
    if (place.state !== "left") return false;
    this.#remove(place).catch(() => {});
    return true;
  }

  async #remove(place: OwnPlace): Promise<void> {
    const { connection, requests, view } = this.#plan;
    // The keys of a lease that is over go with it.
    if (!place.session.isLive) return void this.#places.delete(place.id);
    try {
      const { answer } = await connection.call(txn, requests.leave(place.id, place.slots));
      // The next one need not wait for the watch to say so. Until that does, the key is no surprise: the place stays known.
      if (answer.header!.revision > view.revision) view.forget(place.id);
    } catch (error) {
      this.#places.delete(place.id);
      throw error;
    }
  }

  async #takeAway(id: string, slots: readonly number[]): Promise<void> {
    const { connection, requests } = this.#plan;
    this.#unwanted.add(id);
    // If it fails, it is found again when the server is back.
    await connection.call(txn, requests.leave(id, slots)).catch(() => {});
    this.#unwanted.delete(id);
  }

  /** Its key is gone. */
  #gone(place: OwnPlace): void {
    const wasLeft = place.state === "left";
    if (!wasLeft) place.session.ask();
    // Somebody took away one key of it, and left others there.
    if (this.#plan.view.fences(place.id).length > 0) void this.#takeAway(place.id, place.slots);
    this.#lose(place, goneError());
  }

  #lose(place: OwnPlace, error: SnowshedError): void {
    this.#places.delete(place.id);
    if (place.state === "left") return;
    const { permit } = place;
    if (permit === null) return this.#displace(place);
    place.state = "left";
    place.permit = null;
    this.lost++;
    hooks?.released(this.#plan.resource, place.weight);
    permit.lose(error);
  }

  #displace(place: OwnPlace): void {
    const { waiter } = place;
    place.state = "left";
    place.waiter = null;
    if (waiter?.place === place) this.#host.displaced(waiter);
  }

  #waiting({ weight, since, proposal }: OwnPlace): PlaceValue {
    return { weight, owner: this.#plan.owner, since, proposal };
  }

  #granted(place: OwnPlace): PlaceValue {
    place.granted = this.#plan.connection.clock.date();
    return { ...this.#waiting(place), granted: place.granted };
  }
}

function goneError(): SnowshedError {
  return new SnowshedError("SNOWSHED_LEASE_LOST", "etcd: the permit is lost: its key is gone");
}

function fencesOf(slots: readonly number[], token: bigint): readonly Fence[] {
  return slots.map((slot) => ({ slot, token }));
}

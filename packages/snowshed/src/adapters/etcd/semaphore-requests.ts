import type { Compare, RangeRequest, RequestOp, TxnRequest } from "./etcd-messages.ts";
import { compareResult, compareTarget } from "./etcd-messages.ts";
import { allBelow, endOf } from "./prefix-watch.ts";
import type { PermitsValue, PlaceValue, SemaphoreView } from "./semaphore-view.ts";

const { equal, less } = compareResult;
const { create, mod, value } = compareTarget;

/** Who asks: the key of its place, and its lease. @internal */
export interface Asker {
  readonly id: string;
  readonly lease: bigint;
}

/**
 * The transactions of a semaphore. Each may be carried out twice, or late: then it finds that it has been, or that its
 * place is gone, and changes nothing. Where one changes nothing it answers with all the keys there are.
 *
 * @internal
 */
export class SemaphoreRequests {
  readonly prefix: string;
  readonly #all: RequestOp;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.#all = { range: this.everything };
  }

  get everything(): RangeRequest {
    return allBelow(this.prefix);
  }

  /** A place at the end of the queue. */
  queue(asker: Asker, place: PlaceValue): TxnRequest {
    return { compare: [this.#isAbsent(asker)], success: [this.#putPlace(asker, place)], failure: [this.#all] };
  }

  /**
   * A place with `slots`, if nobody has come and the permits are the same since what `view` has seen; else one at the end
   * of the queue, or with `orNothing` none.
   */
  enter(
    asker: Asker,
    place: PlaceValue,
    slots: readonly number[],
    view: SemaphoreView,
    orNothing: boolean,
  ): TxnRequest {
    const places = `${this.prefix}w/`;
    const nobodyCame: Compare = {
      result: less,
      target: create,
      key: places,
      rangeEnd: endOf(places),
      createRevision: view.revision + 1n,
    };
    const queue = { compare: [this.#isAbsent(asker)], success: [this.#putPlace(asker, place)], failure: [] };
    return {
      compare: [nobodyCame, this.#hasPermitsOf(view), ...slots.map((slot) => this.#isFree(slot))],
      success: [this.#putPlace(asker, place), ...slots.map((slot) => this.#putSlot(asker, slot))],
      failure: orNothing ? [this.#all] : [{ txn: queue }, this.#all],
    };
  }

  /** `slots` for a place that has waited, if it was never written since: it was not lost, and has claimed none. */
  claim(
    asker: Asker,
    place: PlaceValue,
    createRevision: bigint,
    slots: readonly number[],
    view: SemaphoreView,
  ): TxnRequest {
    const waits: Compare = { result: equal, target: mod, key: this.#place(asker.id), modRevision: createRevision };
    return {
      compare: [waits, this.#hasPermitsOf(view), ...slots.map((slot) => this.#isFree(slot))],
      success: [this.#putPlace(asker, place), ...slots.map((slot) => this.#putSlot(asker, slot))],
      failure: [this.#all],
    };
  }

  /** Another value for a place that is there. */
  rewrite(asker: Asker, place: PlaceValue, createRevision: bigint): TxnRequest {
    const isThere: Compare = { result: equal, target: create, key: this.#place(asker.id), createRevision };
    return { compare: [isThere], success: [this.#putPlace(asker, place)], failure: [] };
  }

  /** Takes a place away, and of `slots` those that are its own. */
  leave(id: string, slots: Iterable<number>): TxnRequest {
    const own = [...slots].map((slot): RequestOp => {
      const isOwn: Compare = { result: equal, target: value, key: this.#slot(slot), value: id };
      return { txn: { compare: [isOwn], success: [{ deleteRange: { key: this.#slot(slot) } }], failure: [] } };
    });
    return { compare: [], success: [{ deleteRange: { key: this.#place(id) } }, ...own], failure: [] };
  }

  setPermits(permits: PermitsValue, view: SemaphoreView): TxnRequest {
    const text = JSON.stringify({ permits: permits.permits, version: permits.version });
    return {
      compare: [this.#hasPermitsOf(view)],
      success: [{ put: { key: this.#permits, value: text } }],
      failure: [this.#all],
    };
  }

  get #permits(): string {
    return `${this.prefix}permits`;
  }

  #place(id: string): string {
    return `${this.prefix}w/${id}`;
  }

  #slot(slot: number): string {
    return `${this.prefix}s/${slot}`;
  }

  #isAbsent({ id }: Asker): Compare {
    return { result: equal, target: create, key: this.#place(id), createRevision: 0n };
  }

  #isFree(slot: number): Compare {
    return { result: equal, target: create, key: this.#slot(slot), createRevision: 0n };
  }

  #hasPermitsOf(view: SemaphoreView): Compare {
    return { result: equal, target: mod, key: this.#permits, modRevision: view.permitsRevision };
  }

  #putPlace({ id, lease }: Asker, { weight, owner, since, granted, proposal }: PlaceValue): RequestOp {
    return { put: { key: this.#place(id), value: JSON.stringify({ weight, owner, since, granted, proposal }), lease } };
  }

  #putSlot({ id, lease }: Asker, slot: number): RequestOp {
    return { put: { key: this.#slot(slot), value: id, lease } };
  }
}

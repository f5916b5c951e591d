import { isObject } from "../../overload/inspection.ts";
import type { Fence } from "../../throttle/lease-permit.ts";
import type { KeyValue, WatchEvent } from "./etcd-messages.ts";
import { eventType } from "./etcd-messages.ts";

/** What stands in the value of a place's key. @internal */
export interface PlaceValue {
  readonly weight: number;
  readonly owner: string;
  /** When it came, and when it was granted, in milliseconds since the epoch by its own process's clock. */
  readonly since: number;
  readonly granted?: number | undefined;
  /** What a candidate says, where this is an election. */
  readonly proposal?: string | undefined;
}

/** That somebody holds permits, or waits for them. @internal */
export interface Place extends PlaceValue {
  readonly id: string;
  readonly lease: bigint;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
}

/** The value of the key with the number of permits. @internal */
export interface PermitsValue {
  readonly permits: number;
  /** Of several, the one with the largest holds. */
  readonly version: number;
}

/** Whose turn it is, and which slots are free for it. @internal */
export interface Turn {
  readonly place: Place;
  readonly slots: readonly number[];
}

/**
 * What the keys of a semaphore say, folded from a snapshot and the events after it.
 *
 * Below the prefix there are `w/<id>`, a place for each that holds or waits; `s/<slot>`, whose value is the id of the
 * place that holds the slot; and `permits`. A place has its turn when its weight and those of all places that were
 * created before it fit in the permits: since earlier places can only go, a turn that has come stays.
 *
 * @internal
 */
export class SemaphoreView {
  readonly #prefix: string;
  /** The store's revision up to which it has seen everything. */
  revision = 0n;
  permits: PermitsValue | undefined = undefined;
  /** Of the last change of the key with the permits; 0: there is none. */
  permitsRevision = 0n;
  /** In the order in which they were created. */
  readonly places = new Map<string, Place>();
  #total = 0;
  readonly #slots = new Map<number, { readonly id: string; readonly token: bigint }>();
  readonly #fences = new Map<string, Fence[]>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Takes the keys as they are at `revision`, in the order they were created. False: it knows more than that. */
  adopt(kvs: readonly KeyValue[], revision: bigint): boolean {
    if (revision < this.revision) return false;
    this.permits = undefined;
    this.permitsRevision = 0n;
    this.places.clear();
    this.#total = 0;
    this.#slots.clear();
    this.#fences.clear();
    for (const kv of kvs) this.#put(kv);
    this.revision = revision;
    return true;
  }

  /** Takes what has changed. Returns the places that were put and those that are gone. */
  apply(events: readonly WatchEvent[]): { readonly put: readonly string[]; readonly gone: readonly string[] } {
    const known = this.revision;
    const put: string[] = [];
    const gone: string[] = [];
    for (const { type, kv } of events) {
      if (kv === undefined || kv.modRevision <= known) continue;
      this.revision = kv.modRevision;
      const id = this.#idOf(kv.key);
      if (type === eventType.delete) this.#delete(kv.key);
      else this.#put(kv);
      if (id !== null) (type === eventType.delete ? gone : put).push(id);
    }
    return { put, gone };
  }

  /** It is known already that a place is gone; what is heard of it until its end is past. */
  forget(id: string): void {
    this.#deletePlace(id);
    for (const { slot } of this.fences(id)) this.#deleteSlot(slot);
  }

  /** The slots that a place holds, the lowest first; empty while it waits. */
  fences(id: string): readonly Fence[] {
    return this.#fences.get(id) ?? [];
  }

  /** Those whose turn has come and who hold no slots yet, each with slots that are free for it alone. */
  turns(): readonly Turn[] {
    return this.#turns(0).turns;
  }

  /** Slots for one that comes now; `null` where it has to wait. */
  slotsFor(weight: number): readonly number[] | null {
    if (this.permits === undefined || this.#total + weight > this.permits.permits) return null;
    return this.#turns(weight).next;
  }

  #turns(weight: number): { readonly turns: readonly Turn[]; readonly next: readonly number[] | null } {
    const turns: Turn[] = [];
    const permits = this.permits?.permits ?? 0;
    let slot = 0;
    const take = (count: number): readonly number[] | null => {
      const taken: number[] = [];
      for (; taken.length < count && slot < permits; slot++) if (!this.#slots.has(slot)) taken.push(slot);
      return taken.length === count ? taken : null;
    };
    let weightSoFar = 0;
    for (const place of this.places.values()) {
      weightSoFar += place.weight;
      if (weightSoFar > permits) break;
      if (this.#fences.has(place.id)) continue;
      const slots = take(place.weight);
      // They are still held by places that are about to go, since the permits were fewer for a while.
      if (slots === null) return { turns, next: null };
      turns.push({ place, slots });
    }
    return { turns, next: take(weight) };
  }

  #idOf(key: string): string | null {
    const start = `${this.#prefix}w/`;
    return key.startsWith(start) ? key.slice(start.length) : null;
  }

  #slotOf(key: string): number | null {
    const start = `${this.#prefix}s/`;
    const slot = key.startsWith(start) ? Number(key.slice(start.length)) : Number.NaN;
    return Number.isSafeInteger(slot) && slot >= 0 ? slot : null;
  }

  #put(kv: KeyValue): void {
    const id = this.#idOf(kv.key);
    const slot = this.#slotOf(kv.key);
    if (id !== null) this.#putPlace(id, kv);
    else if (slot !== null) this.#putSlot(slot, kv.value, kv.createRevision);
    else if (kv.key === `${this.#prefix}permits`) {
      const value = parse(kv.value);
      this.permits = isCount(value["permits"]) && isCount(value["version"]) ? (value as never) : undefined;
      this.permitsRevision = kv.modRevision;
    }
  }

  #delete(key: string): void {
    const id = this.#idOf(key);
    const slot = this.#slotOf(key);
    if (id !== null) this.#deletePlace(id);
    else if (slot !== null) this.#deleteSlot(slot);
    else if (key === `${this.#prefix}permits`) {
      this.permits = undefined;
      this.permitsRevision = 0n;
    }
  }

  #putPlace(id: string, { value, lease, createRevision, modRevision }: KeyValue): void {
    const { weight, owner, since, granted, proposal } = parse(value);
    // Nobody here writes such a value; who does is not counted.
    if (!isCount(weight) || weight === 0) return this.#deletePlace(id);
    const before = this.places.get(id);
    const place: Place = {
      id,
      lease,
      createRevision,
      modRevision,
      weight,
      owner: typeof owner === "string" ? owner : "",
      since: Number(since),
      granted: granted === undefined ? undefined : Number(granted),
      proposal: typeof proposal === "string" ? proposal : undefined,
    };
    this.#total += weight - (before?.weight ?? 0);
    // One that is written again keeps its place in the order.
    this.places.set(id, place);
  }

  #deletePlace(id: string): void {
    this.#total -= this.places.get(id)?.weight ?? 0;
    this.places.delete(id);
  }

  #putSlot(slot: number, id: string, token: bigint): void {
    this.#deleteSlot(slot);
    this.#slots.set(slot, { id, token });
    const fences = this.#fences.get(id) ?? [];
    fences.push({ slot, token });
    this.#fences.set(
      id,
      fences.toSorted((a, b) => a.slot - b.slot),
    );
  }

  #deleteSlot(slot: number): void {
    const held = this.#slots.get(slot);
    if (held === undefined) return;
    this.#slots.delete(slot);
    const fences = (this.#fences.get(held.id) ?? []).filter((fence) => fence.slot !== slot);
    if (fences.length === 0) this.#fences.delete(held.id);
    else this.#fences.set(held.id, fences);
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

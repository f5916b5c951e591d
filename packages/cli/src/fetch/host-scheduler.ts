import type { FetchRequest } from "./request.ts";

export interface HostSchedulerOptions {
  /** At most so many requests of one host are out at the same time. */
  readonly perHost: number;
  /** How far to read ahead of a host without a free place: requests, and bytes of input. */
  readonly window: { readonly requests: number; readonly bytes: number };
}

interface Waiting {
  readonly request: FetchRequest;
  next: Waiting | undefined;
}

/** A host with its requests. Exists only while it has any, so memory follows the window, not the number of hosts. */
interface Lane {
  readonly host: string;
  active: number;
  first: Waiting | undefined;
  last: Waiting | undefined;
  /** Links the lanes that have both a request and a free place. */
  nextReady: Lane | undefined;
  ready: boolean;
}

/**
 * Stands between the reader and `batch` and gives out only requests whose host has a free place, hosts in turn. A slow
 * host thus never fills the global limit with requests that wait for it, and waiting for a place is on nobody's clock.
 * Reads ahead only while nothing it has may go out. Each pull costs O(1).
 */
export class HostScheduler implements AsyncIterableIterator<FetchRequest> {
  readonly #source: AsyncIterator<FetchRequest>;
  readonly #options: HostSchedulerOptions;
  readonly #lanes = new Map<string, Lane>();
  /** Given out and not released. */
  readonly #out = new Set<FetchRequest>();
  #firstReady: Lane | undefined;
  #lastReady: Lane | undefined;
  #waiting = 0;
  #waitingBytes = 0;
  #reading = false;
  #sourceEnded = false;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void)[] = [];

  constructor(source: AsyncIterator<FetchRequest>, options: HostSchedulerOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Whether the source was read to its end. */
  get sourceEnded(): boolean {
    return this.#sourceEnded;
  }

  /** Whether all of it was given out and released. */
  get exhausted(): boolean {
    return this.#sourceEnded && this.#waiting === 0 && this.#out.size === 0;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Waits until a request may go out. Its place is taken from now until `release`. */
  async next(): Promise<IteratorResult<FetchRequest, undefined>> {
    while (true) {
      if (this.#closed) return { done: true, value: undefined };
      if (this.#failure !== undefined) throw this.#failure.error;
      const request = this.#takeReady();
      if (request !== undefined) return { done: false, value: request };
      if (this.#sourceEnded && this.#waiting === 0) return { done: true, value: undefined };
      this.#readAhead();
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** The request has its final outcome: its place is free. */
  release(request: FetchRequest): void {
    if (!this.#out.delete(request)) return;
    const lane = this.#lanes.get(request.origin)!;
    lane.active--;
    if (lane.first !== undefined) this.#enqueueReady(lane);
    else if (lane.active === 0) this.#lanes.delete(lane.host);
    this.#wakeAll();
  }

  /** Gives out nothing more; a pending `next()` ends at once. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  return(): Promise<IteratorResult<FetchRequest, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** What was read and has no outcome: never given out, or given to somebody who had stopped listening. */
  *leftover(): Generator<FetchRequest> {
    yield* this.#out;
    for (const lane of this.#lanes.values()) {
      for (let item = lane.first; item !== undefined; item = item.next) yield item.request;
    }
  }

  #takeReady(): FetchRequest | undefined {
    const lane = this.#firstReady;
    if (lane === undefined) return undefined;
    this.#firstReady = lane.nextReady;
    if (this.#firstReady === undefined) this.#lastReady = undefined;
    lane.ready = false;
    const { request, next } = lane.first!;
    lane.first = next;
    if (next === undefined) lane.last = undefined;
    lane.active++;
    this.#out.add(request);
    this.#waiting--;
    this.#waitingBytes -= request.size;
    if (next !== undefined) this.#enqueueReady(lane);
    return request;
  }

  #enqueueReady(lane: Lane): void {
    if (lane.ready || lane.active >= this.#options.perHost) return;
    lane.ready = true;
    lane.nextReady = undefined;
    if (this.#lastReady === undefined) this.#firstReady = lane;
    else this.#lastReady.nextReady = lane;
    this.#lastReady = lane;
  }

  #readAhead(): void {
    const { window } = this.#options;
    const full = this.#waiting >= window.requests || this.#waitingBytes >= window.bytes;
    if (this.#reading || this.#sourceEnded || full) return;
    this.#reading = true;
    this.#source.next().then(
      (result) => {
        this.#reading = false;
        if (result.done === true) this.#sourceEnded = true;
        else this.#enter(result.value);
        this.#wakeAll();
      },
      (error: unknown) => {
        this.#reading = false;
        this.#failure = { error };
        this.#wakeAll();
      },
    );
  }

  #enter(request: FetchRequest): void {
    let lane = this.#lanes.get(request.origin);
    if (lane === undefined) {
      lane = { host: request.origin, active: 0, first: undefined, last: undefined, nextReady: undefined, ready: false };
      this.#lanes.set(request.origin, lane);
    }
    const item: Waiting = { request, next: undefined };
    if (lane.last === undefined) lane.first = item;
    else lane.last.next = item;
    lane.last = item;
    this.#waiting++;
    this.#waitingBytes += request.size;
    this.#enqueueReady(lane);
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

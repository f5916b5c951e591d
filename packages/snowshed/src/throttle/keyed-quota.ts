import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { checkFunction, checkInteger, invalidArgument } from "../errors.ts";
import { hooks } from "../hooks.ts";
import { ExpiryWheel } from "./expiry-wheel.ts";
import { PassingTime } from "./passing-time.ts";
import type { CheckedLimit, QuotaLimit, QuotaPermit } from "./quota-options.ts";
import { checkLimits, checkWeight } from "./quota-options.ts";
import { quotaRefusal } from "./quota-refusal.ts";
import type { Rate } from "./rate-meter.ts";
import { rateOf } from "./rate-meter.ts";

export interface KeyedQuotaOptions {
  /** What each key may use: one or several; a call needs all of them. */
  readonly limits: readonly QuotaLimit[];
  /**
   * How many keys are remembered: an integer from 1 to 2^23. A key is forgotten when all of its burst is there again, so
   * those count that were used a short time ago. Default: 100,000.
   */
  readonly maxKeys?: number | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly name?: string | undefined;
}

export interface KeyedQuotaInspection {
  /** How many keys are remembered. */
  readonly keys: number;
  readonly maxKeys: number;
  /** How often a key that was not remembered was refused for want of room, from the beginning. */
  readonly refusedForRoom: number;
}

/** Maps of V8 hold twice as many, and may need that much while entries come and go. */
const mostKeys = 2 ** 23;
/** The parts of a microsecond in which times are kept: whole ones for years. */
const finest = 64;
const none = -1;

/**
 * Keeps each of many keys (tenants, addresses, API keys) within limits: a quota for each, but without one for each. What is
 * kept of a key is one number for each limit; nothing waits, and there is no timer.
 *
 * In any `t`, at most `burst + t · requests / per` units of one key pass (instead of `burst` the heaviest weight, if
 * that is more). That holds whatever keys there are: a key is only forgotten when all of its burst is there again, which
 * is as if it had never been seen. When `maxKeys` are remembered and none can be forgotten, one more is refused.
 *
 * @example
 * ```ts
 * import { KeyedQuota } from "snowshed/throttle";
 *
 * const perTenant = new KeyedQuota({ limits: [{ requests: 60, per: "1h", burst: 2 }], maxKeys: 1_000_000 });
 * const answers = ["ada", "ada", "ada", "ben"].map((tenant) => perTenant.tryPermit(tenant) !== undefined);
 * const minutes = Math.ceil(perTenant.wait("ada") / 60_000);
 * console.log(answers, minutes); // [ true, true, false, true ] 1
 * ```
 */
export class KeyedQuota {
  readonly name: string | undefined;
  readonly maxKeys: number;
  readonly #limits: readonly CheckedLimit[];
  readonly #rates: readonly Rate[];
  readonly #time: PassingTime;
  /** Where each key is, and the key that is there. */
  readonly #places = new Map<string, number>();
  readonly #keys: string[] = [];
  /**
   * By place and limit: the theoretical arrival time of GCRA, when all of the burst is there again, in parts of a
   * microsecond. Of a free place: 1 + which is free after it.
   */
  #arrivals: Float64Array;
  /** The first of the free places. */
  #free = none;
  readonly #wheel: ExpiryWheel;
  #refusedForRoom = 0;

  constructor(options: KeyedQuotaOptions) {
    const { limits, maxKeys = 100_000, clock = systemClock } = options;
    this.#limits = checkLimits(limits);
    checkInteger(maxKeys, "maxKeys", 1);
    if (maxKeys > mostKeys) throw invalidArgument(RangeError, "maxKeys", `at most ${mostKeys}`, maxKeys);
    this.maxKeys = maxKeys;
    this.#rates = this.#limits.map(({ requests, per, burst }) => rateOf(requests, per, burst, finest));
    const longest = this.#rates.map(({ fill, drain, burst }, index) => {
      const most = Math.max(burst, this.#limits[index]!.requests);
      return (most * fill) / drain;
    });
    this.#wheel = new ExpiryWheel(Math.max(...longest));
    this.#arrivals = new Float64Array(0);
    this.#time = new PassingTime(clock);
    this.name = options.name;
    hooks?.resourceCreated(this, "quota", this.name, this.#limits[0]!.requests);
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Spends `weight` units of `key` if they may go now; never waits. `weight` is an integer of at least 1 and at most the
   * `requests` of each limit (`SNOWSHED_NEVER_FITS`). Also refuses when there is no room to remember a key that is new.
   */
  tryPermit(key: string, weight: number = 1): QuotaPermit | undefined {
    this.#check(key, weight);
    const now = this.#time.read();
    let place = this.#places.get(key);
    const isNew = place === undefined;
    if (place === undefined) {
      place = this.#placeFor(key, now);
      if (place === none) return undefined;
    } else if (this.#wait(place, weight, now) > 0) return undefined;
    for (let limit = 0; limit < this.#rates.length; limit++) {
      const { fill, drain } = this.#rates[limit]!;
      const at = place * this.#rates.length + limit;
      this.#arrivals[at] = Math.max(this.#arrivals[at]!, now * drain) + weight * fill;
    }
    if (isNew) this.#wheel.add(place, this.#fullAt(place));
    // Two for one: they are forgotten as fast as they come, and none has to do it for all.
    this.#forgetOne(now);
    this.#forgetOne(now);
    return new KeyPermit(this, key, weight, now);
  }

  /**
   * Runs `task` if `weight` units (default 1) of `key` may go now, and resolves and rejects as it does. Never waits:
   * else it rejects with `SNOWSHED_LIMIT_EXCEEDED`, with `retryAfter` in milliseconds, and the task is not run.
   */
  async run<T>(key: string, task: () => T | PromiseLike<T>, weight: number = 1): Promise<T> {
    checkFunction(task, "task");
    if (this.tryPermit(key, weight) !== undefined) return task();
    const wait = this.wait(key, weight);
    const why = this.#places.has(key) ? `a wait of ${Math.ceil(wait)} ms` : `${this.maxKeys} keys already`;
    throw quotaRefusal(this.name, why, wait);
  }

  /**
   * In how many milliseconds `weight` units of `key` may pass, if none of its units goes before; 0 is now. What a
   * `Retry-After` says. Of a key for which there is no room: when there may be.
   */
  wait(key: string, weight: number = 1): number {
    this.#check(key, weight);
    const now = this.#time.read();
    const place = this.#places.get(key);
    if (place !== undefined) return this.#wait(place, weight, now) / 1000;
    return this.#hasRoom(now) ? 0 : (this.#wheel.next(now) - now) / 1000;
  }

  /** How many units of `key` could pass now, one by one. */
  available(key: string): number {
    this.#check(key, 1);
    const now = this.#time.read();
    const place = this.#places.get(key);
    if (place === undefined) return Math.min(...this.#limits.map(({ burst }) => burst));
    const each = this.#rates.map(({ fill, drain, burst }, limit) => {
      const owed = Math.max(0, this.#arrivals[place * this.#rates.length + limit]! - now * drain);
      return Math.max(0, Math.floor(burst - owed / fill));
    });
    return Math.min(...each);
  }

  inspect(): KeyedQuotaInspection {
    return { keys: this.#places.size, maxKeys: this.maxKeys, refusedForRoom: this.#refusedForRoom };
  }

  /** Of units that were spent at `at`. @internal */
  refund(key: string, weight: number, at: number): void {
    const now = this.#time.read();
    const place = this.#places.get(key);
    if (place === undefined) return;
    for (let limit = 0; limit < this.#rates.length; limit++) {
      const { fill, drain } = this.#rates[limit]!;
      // What drained since is not given twice: others may have passed with it.
      const left = weight * fill - (now - at) * drain;
      if (left > 0) this.#arrivals[place * this.#rates.length + limit]! -= left;
    }
  }

  #check(key: string, weight: number): void {
    if (typeof key !== "string") throw invalidArgument(TypeError, "key", "a text", key);
    checkWeight(weight, this.#limits, this.name);
  }

  /** Microseconds. */
  #wait(place: number, weight: number, now: number): number {
    let wait = 0;
    for (let limit = 0; limit < this.#rates.length; limit++) {
      const { fill, drain, burst } = this.#rates[limit]!;
      const owed = this.#arrivals[place * this.#rates.length + limit]! - now * drain;
      const excess = owed - (burst - Math.min(weight, burst)) * fill;
      if (excess > 0) wait = Math.max(wait, Math.ceil(excess / drain));
    }
    return wait;
  }

  /** When all of the burst is there again, in microseconds. */
  #fullAt(place: number): number {
    let time = 0;
    for (let limit = 0; limit < this.#rates.length; limit++) {
      const arrival = this.#arrivals[place * this.#rates.length + limit]!;
      time = Math.max(time, Math.ceil(arrival / this.#rates[limit]!.drain));
    }
    return time;
  }

  /** For a key that has none; -1 if there is no room. */
  #placeFor(key: string, now: number): number {
    if (!this.#hasRoom(now)) {
      this.#refusedForRoom++;
      return none;
    }
    if (this.#free === none) this.#grow();
    const place = this.#free;
    const first = place * this.#rates.length;
    this.#free = this.#arrivals[first]! - 1;
    this.#arrivals.fill(0, first, first + this.#rates.length);
    const own = ownText(key);
    this.#places.set(own, place);
    this.#keys[place] = own;
    return place;
  }

  #hasRoom(now: number): boolean {
    while (this.#places.size >= this.maxKeys) if (!this.#forgetOne(now)) return false;
    return true;
  }

  /** Of those whose time has come: forgets one, or finds that it was used since. `false`: there is none. */
  #forgetOne(now: number): boolean {
    const place = this.#wheel.poll(now);
    if (place === none) return false;
    const time = this.#fullAt(place);
    if (time > now) {
      this.#wheel.add(place, time);
      return true;
    }
    this.#places.delete(this.#keys[place]!);
    this.#keys[place] = "";
    this.#release(place);
    return true;
  }

  #release(place: number): void {
    this.#arrivals[place * this.#rates.length] = this.#free + 1;
    this.#free = place;
  }

  /** Room for twice as many. */
  #grow(): void {
    const from = this.#places.size;
    const size = Math.min(this.maxKeys, Math.max(64, 2 * from));
    const arrivals = new Float64Array(size * this.#rates.length);
    arrivals.set(this.#arrivals);
    this.#arrivals = arrivals;
    this.#wheel.grow(size);
    for (let place = size - 1; place >= from; place--) this.#release(place);
  }
}

/** In V8 a part of a text, if it is longer than this, keeps the whole alive: a header, a URL. */
const copiedAlways = 12;

function ownText(key: string): string {
  // join() writes a text of its own.
  return key.length > copiedAlways ? [key.slice(0, 1), key.slice(1)].join("") : key;
}

class KeyPermit implements QuotaPermit {
  readonly weight: number;
  readonly #quota: KeyedQuota;
  readonly #key: string;
  readonly #at: number;
  #isRefunded = false;

  constructor(quota: KeyedQuota, key: string, weight: number, at: number) {
    this.#quota = quota;
    this.#key = key;
    this.weight = weight;
    this.#at = at;
  }

  refund(): void {
    if (this.#isRefunded) return;
    this.#isRefunded = true;
    this.#quota.refund(this.#key, this.weight, this.#at);
  }

  [Symbol.dispose](): void {}
}

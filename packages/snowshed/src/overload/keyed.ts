import { checkFunction, checkInteger, invalidArgument } from "../errors.ts";

export interface KeyedOptions {
  /** How many keys are kept: an integer of at least 1. Default: 1000. */
  readonly maxKeys?: number | undefined;
}

/**
 * One breaker, limiter, budget or pipeline for each key (an origin, a tenant, a route), made when it is first asked for.
 * At most `maxKeys` are kept: one more, and the key that was not asked for the longest is forgotten. Keys that come from
 * outside can therefore not fill the memory.
 *
 * What is forgotten goes on for those who use it; the next who asks for its key gets a new one, without its history.
 *
 * @example
 * ```ts
 * import { CircuitBreaker, Keyed } from "snowshed";
 *
 * const breakers = new Keyed((origin) => new CircuitBreaker({ name: origin }));
 * const status = await breakers.get("https://api.example").run(async () => 200);
 * console.log(status, breakers.size); // 200 1
 * ```
 */
export class Keyed<Value> {
  readonly maxKeys: number;
  readonly #make: (key: string) => Value;
  /** In the order in which they were last asked for. */
  readonly #values = new Map<string, Value>();
  /** The last of them, which need not be moved there. */
  #latest: string | undefined;

  constructor(make: (key: string) => Value, options: KeyedOptions = {}) {
    checkFunction(make, "make");
    const { maxKeys = 1000 } = options;
    checkInteger(maxKeys, "maxKeys", 1);
    this.#make = make;
    this.maxKeys = maxKeys;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#values.size;
  }

  /** The value of `key`, made if there is none. If `make` throws, so does this, and nothing is kept. */
  get(key: string): Value {
    // A map would take any object as a key of its own.
    if (typeof key !== "string") throw invalidArgument(TypeError, "key", "a text", key);
    if (key === this.#latest) return this.#values.get(key) as Value;
    if (!this.#values.has(key)) return this.#add(key);
    const value = this.#values.get(key) as Value;
    this.#values.delete(key);
    this.#values.set(key, value);
    this.#latest = key;
    return value;
  }

  /** The value of `key` if there is one; does not count as asking for it. */
  peek(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** Forgets `key`, and says whether it was there. */
  delete(key: string): boolean {
    if (key === this.#latest) this.#latest = undefined;
    return this.#values.delete(key);
  }

  /** All there are now, the one that was not asked for the longest first. Does not count as asking for them. */
  entries(): IterableIterator<[string, Value]> {
    return [...this.#values].values();
  }

  #add(key: string): Value {
    const value = this.#make(key);
    // `make` may have asked for other keys, or for this one: then its first value is the one that others have.
    if (this.#values.has(key)) return this.get(key);
    if (this.#values.size >= this.maxKeys) {
      const { value: oldest } = this.#values.keys().next();
      this.delete(oldest as string);
    }
    this.#values.set(key, value);
    this.#latest = key;
    return value;
  }
}

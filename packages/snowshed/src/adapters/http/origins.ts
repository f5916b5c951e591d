import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { AbortScope } from "../../concurrency/abort.ts";
import { checkFunction, invalidArgument } from "../../errors.ts";
import { gradient } from "../../overload/algorithms/gradient.ts";
import { CircuitBreaker } from "../../overload/circuit-breaker.ts";
import { Keyed } from "../../overload/keyed.ts";
import { Limiter } from "../../overload/limiter.ts";
import { RetryBudget } from "../../overload/retry-budget.ts";
import { Place } from "./place.ts";

/** How each origin is protected. A piece is replaced by a function that makes it, or switched off by `false`. */
export interface OriginsOptions {
  /**
   * How many requests may be alive at once. Default: a gradient limit that begins at 20 and never exceeds 200, and 100 who
   * wait for it; while their waits do not fall below 500 ms for a second, those who waited longer are refused.
   */
  readonly limiter?: false | ((origin: string) => Limiter) | undefined;
  /** Refuses while the origin is dead. Default: `new CircuitBreaker()`. */
  readonly breaker?: false | ((origin: string) => CircuitBreaker) | undefined;
  /** What retries may add to the load; one budget may serve all origins. Default: `new RetryBudget()` for each. */
  readonly budget?: false | RetryBudget | ((origin: string) => RetryBudget) | undefined;
  /** How many origins are kept; the one that was not used the longest is forgotten. Default: 1000. */
  readonly maxOrigins?: number | undefined;
  /** Give pieces that you make the same one. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * The protection of many origins (scheme, host and port), each with its own: one that is slow or down takes nothing from
 * the others. Several clients that call the same services should share one: see the option `origins`.
 *
 * At most `maxOrigins` are kept, so origins that come from outside cannot fill the memory.
 *
 * @example
 * ```ts
 * import { Origins, wrapFetch } from "snowshed/http";
 *
 * const origins = new Origins({ maxOrigins: 100 });
 * const protectedFetch = wrapFetch(fetch, { origins });
 * await protectedFetch("http://127.0.0.1:9/").catch((error: Error) => console.log(error.message)); // fetch failed
 * console.log(origins.size, origins.peek("http://127.0.0.1:9")?.breaker?.state); // 1 closed
 * ```
 */
export class Origins {
  readonly clock: Clock;
  readonly #protections: Keyed<Origin>;

  constructor(options: OriginsOptions = {}) {
    const { limiter, breaker, budget, maxOrigins = 1000, clock = systemClock } = options;
    checkPiece(limiter, "limiter");
    checkPiece(breaker, "breaker");
    if (!(budget instanceof RetryBudget)) checkPiece(budget, "budget");
    this.clock = clock;
    const makeLimiter = limiter ?? ((name) => defaultLimiter(name, clock));
    const makeBreaker = breaker ?? ((name) => new CircuitBreaker({ name, clock }));
    const makeBudget = budget ?? (() => new RetryBudget({ clock }));
    this.#protections = new Keyed(
      (name) =>
        new Origin(
          name,
          clock,
          makeLimiter === false ? undefined : makeLimiter(name),
          makeBreaker === false ? undefined : makeBreaker(name),
          makeBudget === false ? undefined : makeBudget instanceof RetryBudget ? makeBudget : makeBudget(name),
        ),
      { maxKeys: maxOrigins },
    );
  }

  /** How many origins are kept now. */
  get size(): number {
    return this.#protections.size;
  }

  /** The protection of `origin`, such as `"https://api.example"`; made if there is none. */
  get(origin: string): Origin {
    return this.#protections.get(origin);
  }

  /** The protection of `origin` if there is one; does not count as using it. */
  peek(origin: string): Origin | undefined {
    return this.#protections.peek(origin);
  }

  /** All that are kept, the one that was not used the longest first. */
  entries(): IterableIterator<[string, Origin]> {
    return this.#protections.entries();
  }
}

/** The pieces that protect one origin: for their state, or to open a breaker by hand. Made by {@link Origins}. */
export class Origin {
  readonly name: string;
  readonly limiter: Limiter | undefined;
  readonly breaker: CircuitBreaker | undefined;
  readonly budget: RetryBudget | undefined;
  readonly #clock: Clock;

  /** @internal */
  constructor(
    name: string,
    clock: Clock,
    limiter: Limiter | undefined,
    breaker: CircuitBreaker | undefined,
    budget: RetryBudget | undefined,
  ) {
    this.name = name;
    this.#clock = clock;
    this.limiter = limiter;
    this.breaker = breaker;
    this.budget = budget;
  }

  /**
   * Admits an attempt, at once or when its turn comes. Throws or rejects with `SNOWSHED_CIRCUIT_OPEN`, with
   * `SNOWSHED_LIMIT_EXCEEDED`, or with the reason of `scope` when that aborts.
   *
   * @internal
   */
  admit(scope: AbortScope): Place | Promise<Place> {
    const { limiter } = this;
    const at = this.#clock.now();
    const epoch = this.#enterBreaker(at);
    if (limiter === undefined || limiter.enter(at)) return new Place(limiter, this.breaker, this.#clock, epoch, at);
    // What only waits for our own limiter must not keep a probe's place.
    this.breaker?.leave(epoch, "ignore", at);
    return this.#wait(limiter, scope, at);
  }

  async #wait(limiter: Limiter, scope: AbortScope, since: number): Promise<Place> {
    await limiter.wait(since, scope.scope, Number.POSITIVE_INFINITY);
    const at = this.#clock.now();
    try {
      // It may have opened in the meantime.
      return new Place(limiter, this.breaker, this.#clock, this.#enterBreaker(at), at);
    } catch (error) {
      limiter.leave(at, "ignore", at);
      throw error;
    }
  }

  #enterBreaker(at: number): number {
    if (this.breaker === undefined) return 0;
    const epoch = this.breaker.enter(at);
    if (epoch === -1) throw this.breaker.refusal();
    return epoch;
  }
}

function defaultLimiter(name: string, clock: Clock): Limiter {
  const algorithm = gradient({ initial: 20, maximum: 200 });
  // A client's burst should wait a little and not fail: its queue is more patient than that of a server.
  return new Limiter({ name, clock, algorithm, maxQueue: 100, queue: { target: "500ms", interval: "1s" } });
}

function checkPiece(value: unknown, name: string): void {
  if (value === undefined || value === false) return;
  if (typeof value === "object" && value !== null) {
    const expected = "a function that makes it, since each origin needs its own; or false";
    throw invalidArgument(TypeError, name, expected, value);
  }
  checkFunction(value, name);
}

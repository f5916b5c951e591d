import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { toMillisecondsInRange } from "../../duration.ts";
import { checkInteger, invalidArgument } from "../../errors.ts";
import type { CheckedLimit, QuotaLimit } from "../../throttle/quota-options.ts";
import { checkLimits } from "../../throttle/quota-options.ts";
import type { Rate } from "../../throttle/rate-meter.ts";
import { rateOf } from "../../throttle/rate-meter.ts";
import { checkKeyPart } from "./redis-names.ts";

export interface RedisQuotaOptions {
  /** One to 16; a call needs all of them. They hold for all processes together, which must agree on them. */
  readonly limits: readonly QuotaLimit[];
  /** What the keys in Redis begin with. Default: `"snowshed"`. */
  readonly prefix?: string | undefined;
  /**
   * How many may wait in this process, for an answer of Redis or for their turn, of all keys: an integer of at least 1;
   * `Infinity`: any number. Default: 10,000.
   */
  readonly maxQueue?: number | undefined;
  /**
   * How many units are taken at once, to be spent here without asking again: an integer from 1 to 10,000. Only as many as
   * may go now are, and what is not spent while it may go is given back. Default: 1, each call asks.
   */
  readonly block?: number | undefined;
  /** How long an answer of Redis is waited for: at least 1 ms. Default: `"5s"`. */
  readonly commandTimeout?: Duration | undefined;
  /** For waiting. The rate itself is measured by the clock of the Redis server. Default: the system's. */
  readonly clock?: Clock | undefined;
}

export interface RedisQuotaKeyOptions {
  /** Each key has limits of its own: a tenant, a user, an API key. Default: the one quota that has no key. */
  readonly key?: string | undefined;
}

export interface RedisQuotaAcquireOptions extends RedisQuotaKeyOptions {
  /** Ends the wait when it aborts. One that is aborted already refuses, also when there is room. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Gives up after so long; at once when it is known that it takes longer. Default: none. */
  readonly timeout?: Duration | undefined;
}

/** Units that were spent. There is nothing to give back: `[Symbol.dispose]()` does nothing. */
export interface RedisQuotaPermit extends Disposable {
  readonly weight: number;
  /**
   * Takes back what was not sent; only the first call counts. What came back by itself in the meantime is not given
   * twice: refund at once. Resolves when Redis knows, or rejects with `SNOWSHED_BACKEND_UNAVAILABLE`: it stays spent then.
   * A rejection that nobody awaits is not reported.
   */
  refund(): Promise<void>;
}

export interface RedisQuotaInspection {
  /** `per` in milliseconds. `available`: how many units could go now, one by one, of all processes together. */
  readonly limits: readonly { readonly requests: number; readonly per: number; readonly available: number }[];
  /** How many wait in this process for this key. */
  readonly queued: number;
  /** Milliseconds until a pause ends that was asked for; 0: none. */
  readonly pausedFor: number;
}

const mostLimits = 16;
const largestBlock = 10_000;

/** The options, checked. @internal */
export interface QuotaPlan {
  readonly limits: readonly CheckedLimit[];
  readonly rates: readonly Rate[];
  /** What every script gets of the limits. */
  readonly args: readonly number[];
  readonly prefix: string;
  readonly maxQueue: number;
  readonly block: number;
  /** Milliseconds. */
  readonly commandTimeout: number;
  readonly clock: Clock;
}

/** @internal */
export function quotaPlanOf(name: string, options: RedisQuotaOptions): QuotaPlan {
  checkKeyPart(name, "name");
  const { prefix = "snowshed", maxQueue = 10_000, block = 1, commandTimeout = "5s", clock = systemClock } = options;
  checkKeyPart(prefix, "prefix");
  const limits = checkLimits(options.limits);
  if (limits.length > mostLimits) {
    throw invalidArgument(RangeError, "limits", `at most ${mostLimits}`, limits.length);
  }
  checkInteger(maxQueue, "maxQueue", 1, true);
  checkInteger(block, "block", 1);
  if (block > largestBlock) throw invalidArgument(RangeError, "block", `at most ${largestBlock}`, block);
  const rates = limits.map(({ requests, per, burst }) => rateOf(requests, per, burst));
  const args = rates.flatMap(({ fill, drain, burst }, index) => {
    const highest = Math.max(burst, limits[index]!.requests) * fill;
    return [fill, drain, burst, highest];
  });
  return {
    limits,
    rates,
    args: [rates.length, ...args],
    prefix,
    maxQueue,
    block,
    commandTimeout: toMillisecondsInRange(commandTimeout, "commandTimeout", 1, 2 ** 31 - 1),
    clock,
  };
}

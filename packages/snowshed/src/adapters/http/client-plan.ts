import type { Clock } from "../../clock.ts";
import { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { aboveZero, toMillisecondsInRange } from "../../duration.ts";
import { checkFunction, invalidArgument } from "../../errors.ts";
import type { Classification, Classify } from "../../overload/classify.ts";
import { classify } from "../../overload/classify.ts";
import type { RetryBudget } from "../../overload/retry-budget.ts";
import type { RetryPolicyOptions } from "../../overload/retry-policy.ts";
import { RetryPolicy } from "../../overload/retry-policy.ts";
import type { Origin, OriginsOptions } from "./origins.ts";
import { Origins } from "./origins.ts";

/** How requests are protected. Every option has a default that is meant to be left. */
export interface HttpClientOptions extends OriginsOptions {
  /** Shared with other clients; the options of each origin are then given to it, not here. */
  readonly origins?: Origins | undefined;
  /** Further attempts, or `false` for none. */
  readonly retry?: false | HttpRetryOptions | undefined;
  /** How long an attempt may take until the headers of its answer. Default: none. */
  readonly timeout?: Duration | undefined;
  /** For the whole call, all attempts and the body of the answer. A deadline of the caller's that is earlier holds. Default: none. */
  readonly deadline?: Duration | undefined;
  /** Whether the time left is sent along, in `x-request-timeout-ms`. Default: `true`. */
  readonly deadlineHeader?: boolean | undefined;
  /** How long a body that runs on, or that nobody reads, keeps its place in the limiter. Default: 30 s. */
  readonly bodyHold?: Duration | undefined;
  /** How answers and errors are judged. Default: `classify`. */
  readonly classify?: Classify | undefined;
}

/** Which requests are made again, and how often. */
export interface HttpRetryOptions extends Pick<
  RetryPolicyOptions,
  "attempts" | "backoff" | "maxRetryAfter" | "onRetry" | "onGiveUp"
> {
  /**
   * The methods that may be sent twice. Default: those that HTTP calls idempotent, GET, HEAD, OPTIONS, PUT, DELETE and
   * TRACE. Others are retried only with an `Idempotency-Key` header.
   */
  readonly methods?: readonly string[] | undefined;
}

const unlimited = Number.POSITIVE_INFINITY;

/** RFC 9110, section 9.2.2. */
const idempotentMethods = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];

const originOptions = ["limiter", "breaker", "budget", "maxOrigins", "clock"] as const;

/** The options of a client, checked once. @internal */
export class ClientPlan {
  readonly origins: Origins;
  readonly clock: Clock;
  /** Of calls whose caller's abort comes by another way. */
  readonly root: Context;
  readonly classify: Classify;
  readonly timeout: number;
  readonly deadline: number;
  readonly bodyHold: number;
  readonly sendsDeadline: boolean;
  readonly #retry: HttpRetryOptions | false;
  readonly #methods: ReadonlySet<string>;
  readonly #withoutBudget: RetryPolicy;
  /** Made for an origin when its first failure comes; it goes when the origin is forgotten. */
  readonly #policies = new WeakMap<Origin, RetryPolicy>();

  constructor(options: HttpClientOptions) {
    const { origins, retry = {}, bodyHold = 30_000, deadlineHeader = true } = options;
    const { timeout = unlimited, deadline = unlimited } = options;
    if (origins !== undefined) {
      if (!(origins instanceof Origins)) throw invalidArgument(TypeError, "origins", "an Origins", origins);
      const both = originOptions.find((name) => options[name] !== undefined);
      if (both !== undefined)
        throw invalidArgument(TypeError, both, "given to `origins`, not beside it", options[both]);
    }
    if (retry !== false && (typeof retry !== "object" || retry === null)) {
      throw invalidArgument(TypeError, "retry", "an object or false", retry);
    }
    this.timeout = toMillisecondsInRange(timeout, "timeout", aboveZero);
    this.deadline = toMillisecondsInRange(deadline, "deadline", aboveZero);
    this.bodyHold = toMillisecondsInRange(bodyHold, "bodyHold", 0);
    this.sendsDeadline = deadlineHeader;
    if (options.classify !== undefined) checkFunction(options.classify, "classify");
    this.classify = options.classify ?? classify;
    this.#retry = retry;
    const methods = retry === false ? [] : (retry.methods ?? idempotentMethods);
    this.#methods = new Set(methods.map((method) => method.toUpperCase()));
    this.origins = origins ?? new Origins(options);
    this.clock = this.origins.clock;
    // Also so that what is wrong with the options is heard of now, not at the first failure.
    this.#withoutBudget = new RetryPolicy(retry === false ? {} : retry, this.clock);
    this.root = Context.root({ clock: this.clock });
  }

  /** Whether a request may be made again, as far as its method says. */
  mayRepeat(method: string, hasIdempotencyKey: () => boolean): boolean {
    return this.#retry !== false && (this.#methods.has(method) || hasIdempotencyKey());
  }

  /** Milliseconds to wait before the attempt after the `attempt`-th, or -1 when there is to be none. */
  retryDelay(
    origin: Origin,
    context: Context,
    attempt: number,
    failed: boolean,
    outcome: unknown,
    classification: Classification,
    previous: number,
  ): number {
    const policy = origin.budget === undefined ? this.#withoutBudget : this.#policyOf(origin, origin.budget);
    const at = this.clock.now();
    return policy.next(attempt, failed, outcome, classification, context.remaining(), at, previous);
  }

  #policyOf(origin: Origin, budget: RetryBudget): RetryPolicy {
    let policy = this.#policies.get(origin);
    if (policy === undefined) {
      policy = new RetryPolicy({ ...(this.#retry as HttpRetryOptions), budget }, this.clock);
      this.#policies.set(origin, policy);
    }
    return policy;
  }
}

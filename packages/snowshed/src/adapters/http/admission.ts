import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { aboveZero, toMilliseconds, toMillisecondsInRange } from "../../duration.ts";
import { checkFunction, invalidArgument } from "../../errors.ts";
import { Limiter } from "../../overload/limiter.ts";
import type { Priority } from "../../overload/priority.ts";
import type { HeadersLike } from "./deadline-header.ts";
import { readTimeLeft } from "./deadline-header.ts";
import { DispatchQueue } from "./dispatch-queue.ts";
import { LongResponses } from "./long-responses.ts";
import { LoopLag } from "./loop-lag.ts";
import { UsualLatency } from "./usual-latency.ts";

/** What all server adapters take; `Request` is the one of the framework. */
export interface AdmissionOptions<Request> {
  /** How many may be served at once. Default: `new Limiter({ maxQueue: 100 })`, one for this adapter. */
  readonly limiter?: Limiter | undefined;
  /** How much a request matters. Must be cheap: it is asked for each one, also for those that are refused. */
  readonly priority?: ((request: Request) => Priority | undefined) | undefined;
  /** Whether the caller is over its own quota: for how long, or `undefined` if it is not. Those get 429. */
  readonly quota?: ((request: Request) => Duration | undefined) | undefined;
  /**
   * Requests that are always served, at once, and count for nothing. Default: `/health`, `/healthz`, `/livez`,
   * `/readyz`, `/metrics`.
   */
  readonly exclude?: ((request: Request) => boolean) | undefined;
  /**
   * Requests whose response is a stream: their place is free again when the headers have gone out. Default: those that
   * accept `text/event-stream`. Any other response gives its place back a second after its headers at the latest.
   */
  readonly stream?: ((request: Request) => boolean) | undefined;
  /** The longest a request may take, if its caller gives it no less. Default: none. */
  readonly timeout?: Duration | undefined;
  /** How long a place stays with work that goes on although its context is aborted. Default: 30 s. */
  readonly linger?: Duration | undefined;
  /** The least of `Retry-After`, in whole seconds; the most is three times that. Default: 1 s. */
  readonly retryAfter?: Duration | undefined;
  /** In which admitted requests wait for their turn; `false` runs them where they are read. Default: the shared one. */
  readonly dispatch?: DispatchQueue | false | undefined;
  /** While the loop is late for long, all that ends counts as dropped. Default: the shared one; `false`: never. */
  readonly loopLag?: LoopLag | false | undefined;
  /** What the contexts of requests derive from. Once it has aborted, all requests are refused. Default: none. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Default: that of `signal`, else the system's. */
  readonly clock?: Clock | undefined;
  /** Called for each refused request. Must not throw. */
  readonly onShed?: ((request: Request, refusal: Refusal) => void) | undefined;
}

/** Why a request was not served, and what its caller is told. */
export interface Refusal {
  /** 429 for a quota, 504 for a deadline that has passed, else 503. */
  readonly status: 429 | 503 | 504;
  /** `limit`: no room; `quota`: its caller's; `deadline`: it has passed; `doomed`: too little is left of it. */
  readonly reason: "limit" | "quota" | "deadline" | "doomed";
  /** Whole seconds, drawn anew for each; `undefined` where trying again is of no use. */
  readonly retryAfter: number | undefined;
}

/** What a request that was not refused begins with. @internal */
export interface Grant {
  /** When it came, by the clock. */
  readonly at: number;
  /** How long it had waited until then where nobody saw it, estimated. */
  readonly unseen: number;
  /** Milliseconds until its deadline from `at`, or Infinity. */
  readonly timeLeft: number;
  readonly priority: Priority | undefined;
  /** Whether its response is a stream. */
  readonly isStream: boolean;
  /** Whether it holds a place; if not, it must wait for one. */
  readonly admitted: boolean;
}

const excludedPaths: ReadonlySet<string> = new Set(["/health", "/healthz", "/livez", "/readyz", "/metrics"]);

/** The decision all server adapters share, and what it needs to know. @internal */
export class Admission<Request> {
  readonly limiter: Limiter;
  readonly parent: Context;
  readonly clock: Clock;
  readonly dispatch: DispatchQueue | null;
  readonly loopLag: LoopLag | null;
  readonly linger: number;
  readonly usual: UsualLatency = new UsualLatency();
  readonly longResponses: LongResponses;
  readonly #priority: ((request: Request) => Priority | undefined) | undefined;
  readonly #quota: ((request: Request) => Duration | undefined) | undefined;
  readonly #exclude: ((request: Request) => boolean) | undefined;
  readonly #stream: ((request: Request) => boolean) | undefined;
  readonly #timeout: number;
  readonly #retryAfter: number;
  readonly #onShed: ((request: Request, refusal: Refusal) => void) | undefined;

  constructor(options: AdmissionOptions<Request> = {}) {
    for (const name of ["priority", "quota", "exclude", "stream", "onShed"] as const) {
      if (options[name] !== undefined) checkFunction(options[name], name);
    }
    this.#timeout = toMillisecondsInRange(options.timeout ?? Number.POSITIVE_INFINITY, "timeout", aboveZero);
    this.linger = toMillisecondsInRange(options.linger ?? "30s", "linger", aboveZero);
    this.#retryAfter = Math.ceil(toMillisecondsInRange(options.retryAfter ?? "1s", "retryAfter", aboveZero) / 1000);
    this.parent = contextOf(options.signal, options.clock);
    this.clock = options.signal === undefined ? (options.clock ?? systemClock) : this.parent.clock;
    this.limiter = options.limiter ?? new Limiter({ maxQueue: 100, clock: this.clock });
    if (typeof this.limiter.enter !== "function") {
      throw invalidArgument(TypeError, "limiter", "a Limiter", options.limiter);
    }
    this.dispatch = options.dispatch === false ? null : (options.dispatch ?? DispatchQueue.shared);
    this.loopLag = options.loopLag === false ? null : (options.loopLag ?? LoopLag.shared);
    this.longResponses = new LongResponses(this.clock);
    this.#priority = options.priority;
    this.#quota = options.quota;
    this.#exclude = options.exclude;
    this.#stream = options.stream;
    this.#onShed = options.onShed;
  }

  /** `url` is the path, with or without its query. */
  isExcluded(request: Request, url: string): boolean {
    if (this.#exclude !== undefined) return this.#exclude(request);
    const query = url.indexOf("?");
    return excludedPaths.has(query === -1 ? url : url.slice(0, query));
  }

  #isStream(request: Request, accept: string | null | undefined): boolean {
    if (this.#stream !== undefined) return this.#stream(request);
    return accept?.includes("text/event-stream") === true;
  }

  /** Lets a request in, says that it must wait, or refuses it; cheap, and before anything of its body is read. */
  decide(request: Request, headers: HeadersLike, accept?: string | null): Grant | Refusal {
    if (this.parent.aborted) return this.refuse(request, "limit");
    const at = this.clock.now();
    const unseen = this.dispatch?.unseen(at) ?? 0;
    const timeLeft = Math.min(readTimeLeft(headers), this.#timeout) - unseen;
    if (timeLeft <= 0) return this.refuse(request, "deadline");
    // Before a place is taken, for what these throw must not lose one.
    const priority = this.#priority?.(request);
    if (this.usual.isDoomed(timeLeft)) return this.refuse(request, "doomed");
    const isStream = this.#isStream(request, accept);
    const over = this.#quota?.(request);
    if (over !== undefined) return this.refuse(request, "quota", toMilliseconds(over, "quota"));
    this.loopLag?.use();
    const admitted = this.limiter.enter(at, priority);
    // Spares the error that wait() would make of it.
    const isFull = !admitted && !this.limiter.mayWait(at, priority);
    return isFull ? this.refuse(request, "limit") : { at, unseen, timeLeft, priority, isStream, admitted };
  }

  /** The answer to a request that is not served. */
  refuse(request: Request, reason: Refusal["reason"], wait: number = 0): Refusal {
    const refusal: Refusal = {
      status: reason === "quota" ? 429 : reason === "deadline" ? 504 : 503,
      reason,
      retryAfter: reason === "deadline" ? undefined : this.#drawRetryAfter(wait),
    };
    this.#onShed?.(request, refusal);
    return refusal;
  }

  /** Uniform from the least to three times that: clients refused together must not come back together. */
  #drawRetryAfter(wait: number): number {
    const least = this.#retryAfter;
    // A day is for ever to a client; more, or NaN, would be no number of seconds that all can read.
    const asked = Math.min(Math.max(0, Math.ceil(wait / 1000)), 86_400);
    return Math.max(least, asked) + Math.floor(this.clock.random() * (2 * least + 1));
  }
}

import { abortable } from "../../concurrency/abortable.ts";
import { Cancellation } from "../../concurrency/abort.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { CancelContext } from "../../concurrency/context.ts";
import { Context, deadlineContext } from "../../concurrency/context.ts";
import { checkFunction, DeadlineExceededError } from "../../errors.ts";
import type { Classification } from "../../overload/classify.ts";
import { classifyError, classifyValue } from "../../overload/classify.ts";
import type { HttpClientOptions } from "./client-plan.ts";
import { ClientPlan } from "./client-plan.ts";
import { writeDeadline } from "./deadline-header.ts";
import type { Origin } from "./origins.ts";
import { Place } from "./place.ts";
import { isRepeatableBody } from "./repeatable-body.ts";
import { drainBody, trackBody } from "./response-body.ts";

/** That of the platform, of undici, or one with the same arguments. */
export type FetchLike = (...parameters: never) => Promise<Response>;

/** What `wrapFetch` makes of it: the same, and `signal` may be a {@link Context}. */
export type ProtectedFetch<Fetch extends FetchLike> = (
  input: Parameters<Fetch>[0],
  init?: Omit<NonNullable<Parameters<Fetch>[1]>, "signal"> & {
    readonly signal?: AbortSignal | Context | null | undefined;
  },
) => ReturnType<Fetch>;

/**
 * Makes a `fetch` that does not run down the service it calls, nor the caller: each origin gets a limit of requests
 * alive at once that follows its latency, a breaker for when it is dead, and a budget for retries. Requests that may be
 * sent twice are retried up to two times, as far as the budget and the deadline allow.
 *
 * It takes and gives what `fetch` does; `signal` may also be a Context, whose time left goes out in
 * `x-request-timeout-ms`. A response with a status of 400 or more is a response, no error; when all attempts failed it is
 * the last one.
 *
 * Rejects, besides what `fetch` rejects with: with `SNOWSHED_CIRCUIT_OPEN` or `SNOWSHED_LIMIT_EXCEEDED` without having
 * connected, with `DeadlineExceededError` when the time is up, with the reason of `signal` when that aborts.
 *
 * The place in the limiter is kept until the body has ended: read it, or cancel it.
 *
 * @example
 * ```ts
 * import { wrapFetch } from "snowshed/http";
 *
 * const protectedFetch = wrapFetch(fetch, { deadline: "10s", timeout: "3s" });
 * const response = await protectedFetch("data:text/plain,hello");
 * console.log(response.status, await response.text()); // 200 hello
 * ```
 */
export function wrapFetch<Fetch extends FetchLike>(
  fetch: Fetch,
  options: HttpClientOptions = {},
): ProtectedFetch<Fetch> {
  checkFunction(fetch, "fetch");
  const plan = new ClientPlan(options);
  // Asynchronous, so that arguments which cannot be read are a rejection, as with `fetch`.
  const protectedFetch = async (input: unknown, init?: FetchInit | null): Promise<Response> =>
    callOf(plan, fetch as unknown as AnyFetch, input, init ?? {}).run();
  return protectedFetch as ProtectedFetch<Fetch>;
}

type AnyFetch = (input: unknown, init: FetchInit) => Promise<Response>;

/** What is looked at of the second argument. */
interface FetchInit {
  readonly method?: string;
  readonly headers?: HeadersArgument;
  readonly body?: unknown;
  readonly signal?: AbortSignal | Context | null;
}

/** There is no global name for it in every runtime's types. */
type HeadersArgument = ConstructorParameters<typeof Headers>[0];

type RequestLike = Pick<Request, "url" | "method" | "headers" | "body" | "signal">;

function callOf(plan: ClientPlan, fetch: AnyFetch, input: unknown, init: FetchInit): FetchCall | Unprotected {
  const request = typeof (input as Partial<RequestLike> | null)?.url === "string" ? (input as RequestLike) : undefined;
  const signal = (init.signal === undefined ? request?.signal : init.signal) ?? undefined;
  const origin = originOf(request?.url ?? String(input));
  const send = (sent: FetchInit): Promise<Response> => fetch(input, { ...init, ...sent });
  // Without an origin there is nothing to protect; what cannot be fetched is for `fetch` to say.
  if (origin === undefined) return new Unprotected(send, signal);
  const headers = init.headers ?? request?.headers;
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  const repeatable =
    isRepeatableBody(init.body ?? request?.body) &&
    plan.mayRepeat(method, () => new Headers(headers).has("idempotency-key"));
  return new FetchCall(plan, plan.origins.get(origin), send, headers, signal, repeatable);
}

function originOf(url: string): string | undefined {
  try {
    const { protocol, origin } = new URL(url, (globalThis as { location?: { href?: string } }).location?.href);
    return protocol === "http:" || protocol === "https:" ? origin : undefined;
  } catch {
    return undefined;
  }
}

class Unprotected {
  readonly #send: (sent: FetchInit) => Promise<Response>;
  readonly #signal: AbortSignal | Context | undefined;

  constructor(send: (sent: FetchInit) => Promise<Response>, signal: AbortSignal | Context | undefined) {
    this.#send = send;
    this.#signal = signal;
  }

  run(): Promise<Response> {
    return this.#send(this.#signal instanceof Context ? { signal: this.#signal.signal } : {});
  }
}

/** One call of a protected `fetch`. */
class FetchCall {
  readonly #plan: ClientPlan;
  readonly #origin: Origin;
  readonly #send: (sent: FetchInit) => Promise<Response>;
  readonly #headers: HeadersArgument;
  readonly #signal: AbortSignal | Context | undefined;
  readonly #repeatable: boolean;

  constructor(
    plan: ClientPlan,
    origin: Origin,
    send: (sent: FetchInit) => Promise<Response>,
    headers: HeadersArgument,
    signal: AbortSignal | Context | undefined,
    repeatable: boolean,
  ) {
    this.#plan = plan;
    this.#origin = origin;
    this.#send = send;
    this.#headers = headers;
    this.#signal = signal;
    this.#repeatable = repeatable;
  }

  async run(): Promise<Response> {
    const caller = contextOf(this.#signal, this.#plan.clock);
    if (caller.aborted) throw this.#reason(caller);
    const context = deadlineContext(caller, this.#plan.deadline, undefined, false);
    let delivered = false;
    try {
      const [response, place, attempt] = await this.#answer(context);
      delivered = true;
      const onEnd = (): void => {
        attempt.detach();
        context.detach();
      };
      const { bodyHold, clock } = this.#plan;
      return trackBody(response, place, bodyHold, attempt, clock, () => this.#reason(context), onEnd);
    } catch (error) {
      throw context.aborted ? this.#reason(context) : error;
    } finally {
      if (!delivered) context.detach();
    }
  }

  /** The response to deliver, and what hangs on its body. */
  async #answer(context: Context): Promise<readonly [Response, Place, CancelContext]> {
    let delay = 0;
    for (let number = 1; ; number++) {
      // The timer of a deadline may be late.
      if (!(context.remaining() > 0)) throw new DeadlineExceededError("no time was left for the request");
      const admitted = this.#origin.admit(context);
      const place = admitted instanceof Place ? admitted : await admitted;
      if (number === 1) this.#origin.budget?.depositAt(this.#plan.clock.now());
      const attempt = context.withCancel();
      const release = (): void => {
        place.end();
        attempt.detach();
      };
      const answer = this.#begin(context, attempt);
      let failed = false;
      let outcome: unknown;
      try {
        outcome = await this.#timed(attempt, answer);
      } catch (error) {
        failed = true;
        outcome = attempt.aborted ? attempt.reason : error;
        // One that ignores its signal is still at work, and keeps its place until it ends.
        answer.then((late) => drainBody(late, release)(), release);
      }
      let classification: Classification;
      try {
        classification = this.#classify(failed, outcome);
      } catch (error) {
        if (!failed) drainBody(outcome as Response, release)();
        throw error;
      }
      place.judge(classification, outcome);
      delay =
        this.#repeatable && !context.aborted
          ? this.#delay(context, number, failed, outcome, classification, delay)
          : -1;
      if (delay < 0) {
        if (failed) throw outcome;
        return [outcome as Response, place, attempt];
      }
      const stop = failed ? undefined : drainBody(outcome as Response, release);
      await context.sleep(delay).finally(stop);
    }
  }

  async #begin(context: Context, attempt: Context): Promise<Response> {
    if (!this.#plan.sendsDeadline || context.remaining() === Number.POSITIVE_INFINITY) {
      return this.#send({ signal: attempt.signal });
    }
    const headers = new Headers(this.#headers);
    writeDeadline(headers, context);
    return this.#send({ signal: attempt.signal, headers });
  }

  /** The headers within the timeout of an attempt. */
  async #timed(attempt: CancelContext, answer: Promise<Response>): Promise<Response> {
    const { timeout, clock } = this.#plan;
    if (timeout === Number.POSITIVE_INFINITY) return abortable(attempt, answer);
    const expire = (): void => {
      const error = new DeadlineExceededError(`no answer of ${this.#origin.name} within ${timeout} ms`);
      attempt.abort(new Cancellation(undefined, true, error));
    };
    const cancelTimer = clock.setTimeout(expire, timeout);
    return abortable(attempt, answer).finally(cancelTimer);
  }

  #classify(failed: boolean, outcome: unknown): Classification {
    const { classify } = this.#plan;
    return failed ? classifyError(classify, outcome) : classifyValue(classify, outcome);
  }

  #delay(
    context: Context,
    number: number,
    failed: boolean,
    outcome: unknown,
    classification: Classification,
    previous: number,
  ): number {
    return this.#plan.retryDelay(this.#origin, context, number, failed, outcome, classification, previous);
  }

  /** Why it was aborted, as `fetch` would say it: the signal's own reason. */
  #reason(context: Context): unknown {
    const signal = this.#signal;
    return signal !== undefined && !(signal instanceof Context) && signal.aborted ? signal.reason : context.reason;
  }
}

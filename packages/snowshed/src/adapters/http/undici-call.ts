import { AbortCallback } from "../../concurrency/abort.ts";
import type { CancelContext } from "../../concurrency/context.ts";
import { Context, deadlineContext } from "../../concurrency/context.ts";
import { CanceledError, DeadlineExceededError } from "../../errors.ts";
import type { Classification } from "../../overload/classify.ts";
import { classifyError, classifyValue } from "../../overload/classify.ts";
import type { ClientPlan } from "./client-plan.ts";
import { deadlineHeader, writeDeadline } from "./deadline-header.ts";
import type { Origin } from "./origins.ts";
import { Place } from "./place.ts";
import { isRepeatableBody } from "./repeatable-body.ts";
import { headerOf, withHeader } from "./request-headers.ts";
import type { AttemptHost } from "./undici-attempt.ts";
import { UndiciAttempt } from "./undici-attempt.ts";
import type { DispatchController, DispatchHandler, DispatchOptions } from "./undici-types.ts";

/** One request of a protected dispatcher, from all its attempts to the end of the body. @internal */
export class UndiciCall implements AttemptHost {
  readonly plan: ClientPlan;
  readonly origin: Origin;
  readonly handler: DispatchHandler;
  readonly controller: CallController;
  /** What is handed to the handler as the request's context; a redirect below adds its history. */
  readonly details: object = {};
  /** Ends with the deadline, or with the handler's abort. It hangs on nothing of the caller's. */
  readonly context: CancelContext;
  readonly #send: (options: DispatchOptions, handler: DispatchHandler) => boolean;
  readonly #options: DispatchOptions;
  readonly #repeatable: boolean;
  readonly #onAbort: AbortCallback;
  #attempt: UndiciAttempt | null = null;
  #number = 0;
  #delay = 0;
  /** The handler has been told of the end. */
  over = false;

  constructor(
    plan: ClientPlan,
    send: (options: DispatchOptions, handler: DispatchHandler) => boolean,
    options: DispatchOptions,
    handler: DispatchHandler,
  ) {
    this.plan = plan;
    this.origin = plan.origins.get(options.origin instanceof URL ? options.origin.origin : String(options.origin));
    this.handler = handler;
    this.#send = send;
    this.#options = options;
    this.#repeatable =
      isRepeatableBody(options.body) &&
      plan.mayRepeat(options.method ?? "GET", () => headerOf(options.headers, "idempotency-key") !== null);
    const left = Math.min(plan.deadline, timeLeft(options.signal));
    this.context = deadlineContext(plan.root, left, undefined, false);
    this.controller = new CallController(this);
    this.#onAbort = new AbortCallback(() => this.abort(this.context.reason!));
  }

  start(): boolean {
    // Told at once, and not when there is a connection: from now on the handler can abort, also while it waits.
    this.handler.onRequestStart?.(this.controller, this.details);
    if (this.over) return true;
    if (this.context.aborted) this.fail(this.context.reason!);
    else this.context.scope.link(this.#onAbort);
    return this.over || this.#begin();
  }

  #begin(): boolean {
    if (!(this.context.remaining() > 0)) {
      this.fail(new DeadlineExceededError("no time was left for the request"));
      return true;
    }
    let admitted: Place | Promise<Place>;
    try {
      admitted = this.origin.admit(this.context);
    } catch (error) {
      this.fail(error);
      return true;
    }
    if (admitted instanceof Place) return this.#dispatch(admitted);
    admitted.then(
      (place) => (this.over ? place.end() : this.#dispatch(place)),
      (error: unknown) => this.fail(error),
    );
    return true;
  }

  #dispatch(place: Place): boolean {
    const { plan, context } = this;
    if (++this.#number === 1) this.origin.budget?.depositAt(plan.clock.now());
    const options = { ...this.#options };
    const attempt = new UndiciAttempt(this, place);
    this.#attempt = attempt;
    try {
      // Here, too, it may turn out that these are no headers.
      if (plan.sendsDeadline && context.remaining() < Number.POSITIVE_INFINITY) {
        const written = { [deadlineHeader]: headerOf(options.headers, deadlineHeader) ?? undefined };
        writeDeadline(written, context);
        options.headers = withHeader(options.headers, deadlineHeader, written[deadlineHeader]!);
      }
      return this.#send(options, attempt);
    } catch (error) {
      attempt.onResponseError(null, error as Error);
      return true;
    }
  }

  /** The attempt has ended, or has an answer. Says whether another follows. */
  retries(failed: boolean, outcome: unknown, classification: Classification): boolean {
    if (!this.#repeatable || this.over) return false;
    const { plan, origin, context } = this;
    const delay = plan.retryDelay(origin, context, this.#number, failed, outcome, classification, this.#delay);
    if (delay < 0) return false;
    this.#delay = delay;
    const attempt = this.#attempt!;
    context.sleep(delay).then(
      () => {
        attempt.leave(new CanceledError("the answer was not needed"));
        if (!this.over) this.#begin();
      },
      () => {},
    );
    return true;
  }

  classify(failed: boolean, outcome: unknown): Classification {
    const { classify } = this.plan;
    return failed ? classifyError(classify, outcome) : classifyValue(classify, outcome);
  }

  /** By the handler, or at the deadline. */
  abort(reason: Error): void {
    if (this.over) return;
    this.controller.reason = reason;
    // The usual way to the handler is that of undici: it reports the abort as the error of the request.
    this.#attempt?.abort(reason);
    this.fail(reason);
  }

  fail(error: unknown): void {
    if (this.over) return;
    this.end();
    this.handler.onResponseError?.(this.controller, error as Error);
  }

  end(): void {
    this.over = true;
    this.#onAbort.stop();
    // Ends a backoff, and the wait for a place.
    this.context.cancel();
  }
}

/** The controller that the handler gets: one for all attempts. */
class CallController implements DispatchController {
  readonly #call: UndiciCall;
  #target: DispatchController | null = null;
  #paused = false;
  reason: Error | null = null;

  constructor(call: UndiciCall) {
    this.#call = call;
  }

  /** Of the attempt that is under way. */
  follow(target: DispatchController): void {
    this.#target = target;
    if (this.#paused) target.pause();
  }

  get aborted(): boolean {
    return this.reason !== null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get rawHeaders(): unknown {
    return this.#target?.rawHeaders ?? null;
  }

  get rawTrailers(): unknown {
    return this.#target?.rawTrailers ?? null;
  }

  abort(reason: Error): void {
    this.#call.abort(reason ?? new CanceledError());
  }

  pause(): void {
    this.#paused = true;
    this.#target?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#target?.resume();
  }
}

/** What the signal of a request leaves, when it is that of a Context. */
function timeLeft(signal: unknown): number {
  // undici also takes an EventEmitter.
  return signal instanceof AbortSignal ? Context.from(signal).remaining() : Number.POSITIVE_INFINITY;
}

import { CanceledError, DeadlineExceededError, toCancellation } from "../../errors.ts";
import type { Classification } from "../../overload/classify.ts";
import type { ClientPlan } from "./client-plan.ts";
import type { Origin } from "./origins.ts";
import type { Place } from "./place.ts";
import type { DispatchController, DispatchHandler, ResponseHeaders } from "./undici-types.ts";

/** So much of an unwanted answer is read to keep its connection. */
const drained = 65_536;

/** What an attempt needs of its call. @internal */
export interface AttemptHost {
  readonly plan: ClientPlan;
  readonly origin: Origin;
  readonly handler: DispatchHandler;
  readonly controller: DispatchController & { follow(target: DispatchController): void };
  readonly details: object;
  classify(failed: boolean, outcome: unknown): Classification;
  /** Whether another attempt follows. */
  retries(failed: boolean, outcome: unknown, classification: Classification): boolean;
  fail(error: unknown): void;
  end(): void;
}

/** What undici tells of one attempt. @internal */
export class UndiciAttempt implements DispatchHandler {
  readonly #call: AttemptHost;
  readonly #place: Place;
  #controller: DispatchController | null = null;
  /** Whose news matter to the handler: until it fails, times out, or is retried. */
  #state: "waiting" | "delivering" | "unwanted" = "waiting";
  #cancelTimer: (() => void) | null;
  #unread = drained;
  /** Why it is unwanted. */
  #reason: Error = new CanceledError("the answer was not needed");
  /** Until undici has told of its end. */
  #open = true;

  constructor(call: AttemptHost, place: Place) {
    this.#call = call;
    this.#place = place;
    const { timeout, clock } = call.plan;
    const expire = (): void => {
      this.#failed(new DeadlineExceededError(`no answer of ${call.origin.name} within ${timeout} ms`));
    };
    this.#cancelTimer = timeout < Number.POSITIVE_INFINITY ? clock.setTimeout(expire, timeout) : null;
  }

  onRequestStart(controller: DispatchController, context: object | undefined): void {
    this.#controller = controller;
    // It waited for a connection, and nobody for it any more.
    if (this.#state === "unwanted") return controller.abort(this.#reason);
    Object.assign(this.#call.details, context);
    this.#call.controller.follow(controller);
  }

  onRequestUpgrade(_controller: DispatchController, status: number, headers: unknown, socket: unknown): void {
    this.#place.judge("ok", undefined);
    // What it is used for from here on is not of the kind that a limit is for.
    this.#ended();
    this.#call.end();
    this.#call.handler.onRequestUpgrade?.(this.#call.controller, status, headers, socket);
  }

  onResponseStarted(): void {
    if (this.#state === "waiting") this.#call.handler.onResponseStarted?.();
  }

  onResponseStart(_controller: DispatchController, status: number, headers: ResponseHeaders, message?: string): void {
    if (this.#state === "unwanted") return;
    const call = this.#call;
    if (status >= 200) {
      const outcome = { status, statusCode: status, headers };
      let classification: Classification;
      try {
        classification = call.classify(false, outcome);
      } catch (error) {
        this.#state = "unwanted";
        this.leave(error as Error);
        return call.fail(error);
      }
      this.#stopTimer();
      this.#place.judge(classification, outcome);
      if (call.retries(false, outcome, classification)) {
        this.#state = "unwanted";
        return;
      }
      this.#answered();
    }
    call.handler.onResponseStart?.(call.controller, status, headers, message);
  }

  onResponseData(controller: DispatchController, chunk: Uint8Array): void {
    if (this.#state === "delivering") {
      this.#call.handler.onResponseData?.(this.#call.controller, chunk);
    } else {
      this.#unread -= chunk.byteLength;
      if (this.#unread < 0) controller.abort(this.#reason);
    }
  }

  onResponseEnd(_controller: DispatchController, trailers: unknown): void {
    this.#ended();
    if (this.#state !== "delivering") return;
    this.#call.end();
    this.#call.handler.onResponseEnd?.(this.#call.controller, trailers);
  }

  /** Without a controller when it was not even sent. */
  onResponseError(_controller: DispatchController | null, error: Error): void {
    this.#open = false;
    this.#failed(error);
    this.#ended();
    if (this.#state === "delivering") this.#call.fail(error);
  }

  /** The call was aborted: whatever comes of this attempt, its time counts for what it was until now. */
  abort(reason: Error): void {
    if (this.#state === "waiting") {
      this.#state = "unwanted";
      this.#place.judge(toCancellation(reason) instanceof DeadlineExceededError ? "transient" : "ignore", reason);
    }
    this.leave(reason);
  }

  /** Ends it, if it has not ended: one without a connection ends when it would get one. */
  leave(reason: Error): void {
    this.#reason = reason;
    this.#stopTimer();
    if (this.#open) this.#controller?.abort(reason);
  }

  /** It has failed before there was an answer. */
  #failed(error: unknown): void {
    if (this.#state !== "waiting") return;
    this.#state = "unwanted";
    const call = this.#call;
    let classification: Classification;
    try {
      classification = call.classify(true, error);
    } catch (failure) {
      this.leave(error as Error);
      return call.fail(failure);
    }
    this.#place.judge(classification, error);
    this.leave(error as Error);
    if (!call.retries(true, error, classification)) call.fail(error);
  }

  #answered(): void {
    this.#state = "delivering";
    const { bodyHold, clock } = this.#call.plan;
    this.#cancelTimer = clock.setTimeout(() => this.#place.end(), bodyHold, false);
  }

  #ended(): void {
    this.#open = false;
    this.#stopTimer();
    this.#place.end();
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}

import { Cancellation } from "../concurrency/abort.ts";
import type { CancelContext } from "../concurrency/context.ts";
import { boundedContext } from "../concurrency/context.ts";
import { DeadlineExceededError } from "../errors.ts";
import type { Classification } from "./classify.ts";
import { classifyError, classifyValue, limitOutcomeOf } from "./classify.ts";
import type { Expiring } from "./expiry.ts";
import type { AttemptOwner, Ending } from "./pipeline-plan.ts";
import { discard } from "./retry-policy.ts";

/** One attempt: its place in the breaker and the limiter, its timeout, and the body. @internal */
export class Attempt<T> implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  /** The one begun before it in the same round. */
  readonly earlier: Attempt<T> | null;
  /** Whether the call still waits for its outcome. */
  wanted = true;
  readonly #call: AttemptOwner<T>;
  readonly #number: number;
  #context: CancelContext | null = null;
  #epoch = 0;
  /** When the body began; −1 while it waits for the limiter. */
  #admittedAt = -1;
  /** What the limiter will be told once the body of an unwanted attempt has ended. */
  #verdict: "dropped" | "ignore" = "ignore";

  constructor(call: AttemptOwner<T>, number: number, earlier: Attempt<T> | null) {
    this.#call = call;
    this.#number = number;
    this.earlier = earlier;
  }

  begin(at: number): void {
    const { plan, priority, scope } = this.#call;
    const { breaker, limiter } = plan;
    if (breaker !== null) {
      this.#epoch = breaker.enter(at);
      if (this.#epoch === -1) return this.#refused(breaker.refusal(), at);
    }
    if (limiter === null || limiter.enter(at, priority)) return this.#run(at);
    if (plan.hedge !== null) this.#context = scope.withCancel();
    limiter.wait(at, (this.#context ?? scope).scope, Number.POSITIVE_INFINITY, priority).then(
      () => {
        const now = plan.clock.now();
        if (this.wanted) this.#run(now);
        else limiter.leave(now, "ignore", now);
      },
      (error: unknown) => {
        if (!this.wanted) return;
        const now = plan.clock.now();
        breaker?.leave(this.#epoch, "ignore", now);
        this.#refused(error, now);
      },
    );
  }

  #refused(error: unknown, at: number): void {
    this.wanted = false;
    this.#detach();
    const context = this.#context;
    this.#call.ended({ context, failed: true, outcome: error, classification: "overload", refused: true }, at);
  }

  #run(at: number): void {
    const { plan, scope, task } = this.#call;
    this.#admittedAt = at;
    if (plan.timeout !== null) {
      // What it waited under for the limiter knows nothing of the timeout.
      this.#context?.detach();
      this.#context = boundedContext(scope, at + plan.timeout.ms);
      plan.timeout.add(this, at);
    } else if (plan.hedge !== null) this.#context ??= scope.withCancel();
    let result: T | PromiseLike<T>;
    let promise: Promise<T> | null = null;
    try {
      result = task(this.#context ?? scope, this.#number);
      // A foreign thenable, or a subclass, may call back twice, or throw: a promise of the platform does not.
      if (typeof (result as Partial<PromiseLike<T>> | null | undefined)?.then === "function") {
        promise = Promise.resolve(result);
      }
    } catch (error) {
      this.#ended(true, error);
      return;
    }
    if (promise === null) {
      this.#ended(false, result);
      return;
    }
    void promise.then(
      (value) => this.#ended(false, value),
      (error: unknown) => this.#ended(true, error),
    );
  }

  #ended(failed: boolean, outcome: unknown): void {
    const { plan } = this.#call;
    const at = plan.clock.now();
    if (!this.wanted) {
      if (!failed) discard(outcome);
      plan.limiter?.leave(this.#admittedAt, this.#verdict, at);
      return;
    }
    this.wanted = false;
    // What a body that failed has started is of no use any more.
    if (failed) this.#context?.cancel(outcome);
    this.#detach();
    let classification: Classification;
    let refused = false;
    try {
      classification = failed ? classifyError(plan.classify, outcome) : classifyValue(plan.classify, outcome);
    } catch (error) {
      classification = "fatal";
      failed = refused = true;
      outcome = error;
    }
    try {
      try {
        plan.limiter?.leave(this.#admittedAt, limitOutcomeOf(classification, outcome), at);
      } finally {
        plan.breaker?.leave(this.#epoch, classification, at);
      }
    } catch (error) {
      // An algorithm or a window of the user's: as for the pieces alone, its error is the caller's.
      classification = "fatal";
      failed = refused = true;
      outcome = error;
    }
    this.#call.ended({ context: this.#context, failed, outcome, classification, refused }, at);
  }

  /** The timeout: the caller goes on, the place in the limiter stays taken until the body has ended. */
  expire(): void {
    const { plan } = this.#call;
    const error = new DeadlineExceededError(`attempt ${this.#number} took longer than ${plan.timeout!.ms} ms`);
    this.#give("dropped", "transient");
    this.#context!.abort(exceeded(error));
    this.#detach();
    const context = this.#context;
    const ending: Ending = { context, failed: true, outcome: error, classification: "transient", refused: false };
    this.#call.ended(ending, plan.clock.now());
  }

  /** The whole call was aborted. */
  abandon(reason: unknown): void {
    if (!this.wanted) return;
    const late = reason instanceof DeadlineExceededError;
    this.#give(late ? "dropped" : "ignore", late ? "transient" : "ignore");
    this.#detach();
  }

  /** Another attempt has decided. */
  cancel(): void {
    if (!this.wanted) return;
    this.#give("ignore", "ignore");
    this.#context?.cancel();
    this.#detach();
  }

  #give(verdict: "dropped" | "ignore", classification: Classification): void {
    const { breaker, clock } = this.#call.plan;
    this.wanted = false;
    this.#verdict = verdict;
    // Time spent waiting for our own limiter says nothing of the service behind it.
    breaker?.leave(this.#epoch, this.#admittedAt === -1 ? "ignore" : classification, clock.now());
  }

  #detach(): void {
    const { timeout } = this.#call.plan;
    if (timeout !== null) timeout.remove(this);
    // Not canceled: a response that was returned may still be read.
    this.#context?.detach();
  }
}

/** @internal */
export function exceeded(error: DeadlineExceededError): Cancellation {
  return new Cancellation(undefined, true, error);
}

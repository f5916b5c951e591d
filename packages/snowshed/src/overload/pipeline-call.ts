import { AbortNode } from "../concurrency/abort.ts";
import type { CancelContext, Context } from "../concurrency/context.ts";
import { boundedContext } from "../concurrency/context.ts";
import { DeadlineExceededError } from "../errors.ts";
import type { Expiring } from "./expiry.ts";
import { Attempt, exceeded } from "./pipeline-attempt.ts";
import type { AttemptOwner, Ending, PipelineTask, Plan } from "./pipeline-plan.ts";
import type { Priority } from "./priority.ts";
import { discard } from "./retry-policy.ts";

/** One `run()` of a pipeline: the caller's side, from the deadline down to the hedges. @internal */
export class Call<T> extends AbortNode implements AttemptOwner<T>, Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  readonly plan: Plan;
  readonly task: PipelineTask<T>;
  readonly priority: Priority | undefined;
  /** What the attempts run under: the caller's context, or a child of it with the deadline. */
  readonly scope: Context;
  readonly #deadline: CancelContext | null;
  readonly #begun: number;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  settled = false;
  /** Attempts begun so far, all of them. */
  #attempts = 0;
  /** Rounds of attempts: a retry begins the next one. */
  #rounds = 0;
  /** Attempts begun in this round. */
  #launched = 0;
  #latest: Attempt<T> | null = null;
  #hedgeTimer: HedgeTimer<T> | null = null;
  /** Of the attempts of this round that have failed while others run. */
  #kept: Ending | null = null;
  /** The last wait, in milliseconds. */
  #backoff = 0;
  #cancelBackoff: (() => void) | null = null;
  /** Goes on in a microtask, in the caller's own async context: a timer that all calls share runs in that of another. */
  #wake: (() => void) | null = null;
  /** What `#wake` is for: a hedge, or the next round. */
  #due: HedgeTimer<T> | "round" | null = null;

  constructor(
    plan: Plan,
    task: PipelineTask<T>,
    parent: Context,
    priority: Priority | undefined,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.plan = plan;
    this.task = task;
    this.priority = priority;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#begun = plan.clock.now();
    this.#deadline = plan.deadline === null ? null : boundedContext(parent, this.#begun + plan.deadline.ms);
    this.scope = this.#deadline ?? parent;
  }

  begin(): void {
    const at = this.#begun;
    this.plan.deadline?.add(this, at);
    this.scope.scope.link(this);
    this.plan.budget?.depositAt(at);
    this.#beginRound(at);
  }

  /** The deadline. */
  expire(): void {
    const { ms } = this.plan.deadline!;
    this.#deadline!.abort(exceeded(new DeadlineExceededError(`the call was not done within ${ms} ms`)));
  }

  /** The deadline, or the caller's own cancellation: the caller is told at once, whatever the bodies make of it. */
  override notify(): void {
    const reason = this.scope.reason!;
    this.#settle();
    this.#reject(reason);
    for (let attempt = this.#latest; attempt !== null; attempt = attempt.earlier) attempt.abandon(reason);
  }

  #beginRound(at: number): void {
    this.#rounds++;
    this.#launched = 0;
    this.#latest = null;
    this.#launch(at);
  }

  #launch(at: number): void {
    const { hedge, hedges } = this.plan;
    this.#awaitWake();
    this.#launched++;
    this.#latest = new Attempt(this, ++this.#attempts, this.#latest);
    if (hedge !== null && this.#launched < hedges) {
      this.#hedgeTimer = new HedgeTimer(this);
      hedge.add(this.#hedgeTimer, at);
    }
    this.#latest.begin(at);
  }

  /** Called where the async context is the caller's. Only what may go on from a shared timer pays for it. */
  #awaitWake(): void {
    const { hedge, retry, timeout } = this.plan;
    if (this.#wake !== null || (hedge === null && (timeout === null || retry === null))) return;
    void new Promise<void>((resolve) => {
      this.#wake = resolve;
    }).then(() => this.#woken());
  }

  wake(due: HedgeTimer<T> | "round"): void {
    const wake = this.#wake;
    this.#wake = null;
    this.#due = due;
    if (wake === null) this.#woken();
    else wake();
  }

  #woken(): void {
    const due = this.#due;
    this.#due = null;
    if (this.settled) return;
    this.#awaitWake();
    if (due === "round") this.#beginRound(this.plan.clock.now());
    // Unless its attempt has failed in the meantime, and it was begun then.
    else if (due !== null && due === this.#hedgeTimer) this.#hedge();
  }

  /** It takes long: another attempt beside it, if the budget allows. False if it does not. */
  #hedge(): boolean {
    const at = this.plan.clock.now();
    this.#hedgeTimer = null;
    if (this.plan.budget?.tryWithdrawAt(at) === false) return false;
    this.#launch(at);
    return true;
  }

  /** Of an attempt whose outcome is still wanted. */
  ended(ending: Ending, at: number): void {
    const { failed, outcome, classification } = ending;
    if (this.settled) return drop(ending);
    if (!failed && classification === "ok") return this.#succeed(outcome as T);
    if (this.plan.hedge === null || (classification !== "transient" && classification !== "overload")) {
      return this.#decide(ending, at);
    }
    this.#keep(ending);
    if (classification === "overload") {
      // Another attempt would only add to that.
      this.#stopHedgeTimer();
    } else if (this.#hedgeTimer !== null) {
      // No need to wait for what the next attempt was to be compared with.
      this.#stopHedgeTimer();
      // If it has ended already, that has decided.
      if (this.#hedge()) return;
    }
    if (this.#running()) return;
    const kept = this.#kept!;
    this.#kept = null;
    this.#decide(kept, at);
  }

  /** Of the failures of a round the one that says most about another: of those that say the same, the last. */
  #keep(ending: Ending): void {
    const kept = this.#kept;
    if (kept !== null && weight(kept) > weight(ending)) return drop(ending);
    this.#kept = ending;
    if (kept !== null) drop(kept);
  }

  /** What became of a round: another one, or the end. */
  #decide(ending: Ending, at: number): void {
    const { failed, outcome, classification, refused } = ending;
    this.#stopRound();
    const { clock, retry } = this.plan;
    let delay = -1;
    if (!refused && retry !== null) {
      const left = this.scope.remaining();
      delay = retry.next(this.#rounds, failed, outcome, classification, left, at, this.#backoff);
      // Its listeners are the user's: one of them may have ended the call.
      if (this.settled) return drop(ending);
    }
    if (delay < 0) {
      this.#settle();
      if (failed) this.#reject(outcome);
      else this.#resolve(outcome as T);
      return;
    }
    drop(ending);
    this.#backoff = delay;
    this.#cancelBackoff = clock.setTimeout(() => {
      this.#cancelBackoff = null;
      this.wake("round");
    }, delay);
  }

  #running(): boolean {
    for (let attempt = this.#latest; attempt !== null; attempt = attempt.earlier) if (attempt.wanted) return true;
    return false;
  }

  #succeed(value: T): void {
    this.#settle();
    this.#stopRound();
    this.#resolve(value);
  }

  /** Ends the attempts that still run beside the one that decided. */
  #stopRound(): void {
    this.#stopHedgeTimer();
    for (let attempt = this.#latest; attempt !== null; attempt = attempt.earlier) attempt.cancel();
  }

  #stopHedgeTimer(): void {
    if (this.#hedgeTimer !== null) this.plan.hedge!.remove(this.#hedgeTimer);
    this.#hedgeTimer = null;
  }

  #settle(): void {
    this.settled = true;
    this.source?.unlink(this);
    this.#cancelBackoff?.();
    this.#stopHedgeTimer();
    if (this.#kept !== null) drop(this.#kept);
    if (this.#deadline !== null) {
      this.plan.deadline!.remove(this);
      this.#deadline.detach();
    }
  }
}

class HedgeTimer<T> implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  readonly #call: Call<T>;

  constructor(call: Call<T>) {
    this.#call = call;
  }

  expire(): void {
    this.#call.wake(this);
  }
}

/** A hedge that finds no place says nothing about the attempt beside it; an overload may say how long to wait. */
function weight({ classification, refused }: Ending): number {
  if (refused) return 0;
  return classification === "overload" ? 2 : 1;
}

/** Nobody will read it: what was returned is let go of. */
function drop({ context, failed, outcome }: Ending): void {
  if (failed) return;
  discard(outcome);
  context?.cancel();
}

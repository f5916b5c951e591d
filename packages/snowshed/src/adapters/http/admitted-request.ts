import type { CancelContext, Context } from "../../concurrency/context.ts";
import { deadlineContext } from "../../concurrency/context.ts";
import { DeadlineExceededError } from "../../errors.ts";
import type { LimitOutcome } from "../../overload/limit-permit.ts";
import type { Admission, Grant, Refusal } from "./admission.ts";
import { DispatchJob } from "./dispatch-queue.ts";

/** What the shared part needs of an admission, whatever the framework's requests are. */
type Host = Pick<
  Admission<never>,
  "limiter" | "parent" | "clock" | "dispatch" | "loopLag" | "linger" | "usual" | "longResponses"
>;

/**
 * A request from its admission to the end of its work: its place, its turn, its context.
 *
 * The place is given back once, when the response is over and the work is, too, as far as that can be known; a stream
 * gives it back when its headers are out.
 *
 * @internal
 */
export abstract class AdmittedRequest extends DispatchJob {
  readonly #host: Host;
  readonly #grant: Grant | null;
  #admittedAt = 0;
  #holdsPlace = false;
  #context: CancelContext | null = null;
  #headersAt = Number.NaN;
  /** The response has ended, or nobody is there to get it. */
  #isOver = false;
  /** Work that is known to go on: that of a promise. */
  #working = false;
  #cancelLinger: (() => void) | null = null;
  /** How it ended, while its work goes on. */
  #outcome: LimitOutcome | null = null;

  /** Without a grant: one that is served whatever happens. */
  constructor(host: Host, grant: Grant | null) {
    super();
    this.#host = host;
    this.#grant = grant;
  }

  /** Answers that it is not served after all. */
  protected abstract refuse(reason: Refusal["reason"]): void;

  /** Takes its turn, or first waits for a place. To be called once, when all listeners are there. */
  begin(): void {
    const grant = this.#grant;
    if (grant === null) return this.start();
    this.#holdsPlace = grant.admitted;
    if (this.#isOver) {
      // Its client left before it came here, and nobody will say so again.
      this.#end("ignore");
    } else if (grant.admitted) {
      // What it had waited unseen is latency, too: without that a loop that is blocked looks fast.
      this.#admittedAt = grant.at - grant.unseen;
      this.#dispatch();
    } else void this.#waitForPlace(grant);
  }

  /** Made when it is first asked for; most handlers never do. */
  get context(): Context {
    return this.#ownContext();
  }

  get headersAt(): number {
    return this.#headersAt;
  }

  /** The headers go out: until here it is latency, from here on it depends on how fast the client reads. */
  headersSent(): void {
    if (!Number.isNaN(this.#headersAt) || !this.#holdsPlace) return;
    this.#headersAt = this.#host.clock.now();
    if (this.#grant!.isStream) this.#release("success");
    else this.#host.longResponses.add(this);
  }

  /** @internal */
  becameLong(): void {
    this.#release("success");
  }

  /** It becomes something else than a request and its answer: no place is held for that. */
  upgraded(): void {
    this.#release("ignore");
  }

  /** Work has begun whose end will be told with `workEnded()`. */
  workBegan(): void {
    this.#working = true;
  }

  workEnded(): void {
    this.#working = false;
    if (this.#isOver) this.#end("ignore");
  }

  /** The response was sent, with this status; `undefined` when the work failed in a way that says nothing. */
  finished(status: number | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end(status === undefined ? "ignore" : outcomeOf(status));
  }

  /** The response was made, and when it has been sent will not be known: no place is held for that. */
  responded(status: number): void {
    this.#host.longResponses.delete(this);
    this.#release(outcomeOf(status));
  }

  /** Nobody waits for the answer any more. */
  clientLeft(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const expired = this.#context?.reason instanceof DeadlineExceededError;
    // Made now if nobody has asked for it yet: whoever asks later must find it aborted.
    this.#ownContext().cancel(new Error("the client disconnected"));
    this.#end(expired ? "dropped" : "ignore");
  }

  #ownContext(): CancelContext {
    if (this.#context === null) {
      const { parent, clock } = this.#host;
      const { at, timeLeft } = this.#grant ?? { at: 0, timeLeft: Number.POSITIVE_INFINITY };
      const left = timeLeft - (timeLeft === Number.POSITIVE_INFINITY ? 0 : clock.now() - at);
      this.#context = deadlineContext(parent, left, undefined, false);
      if (this.#isOver) this.#context.cancel();
    }
    return this.#context;
  }

  async #waitForPlace(grant: Grant): Promise<void> {
    const { limiter, clock } = this.#host;
    const context = this.#ownContext();
    try {
      await limiter.wait(grant.at, context.scope, Number.POSITIVE_INFINITY, grant.priority);
    } catch {
      // The client has gone, or its deadline has passed, or it has waited too long.
      if (!this.#isOver) this.refuse(reasonOf(context));
      this.#isOver = this.isDone = true;
      context.cancel();
      return;
    }
    this.#admittedAt = clock.now();
    this.#holdsPlace = true;
    if (this.#isOver) this.#end("ignore");
    else this.#dispatch();
  }

  #dispatch(): void {
    const { dispatch } = this.#host;
    if (this.#grant!.timeLeft !== Number.POSITIVE_INFINITY) {
      // Somebody must be told of the deadline: the place must not stay for ever with work that never ends.
      this.#ownContext().onAbort(() => this.#lingers());
    }
    if (dispatch === null) this.#takeTurn();
    else dispatch.push(this);
  }

  override start(): void {
    this.#takeTurn();
  }

  #takeTurn(): void {
    if (this.#context?.aborted === true) {
      // While it waited for its turn.
      if (!this.#isOver) this.refuse(reasonOf(this.#context));
      return this.finished(undefined);
    }
    this.serve();
  }

  /** Runs the handler. */
  protected abstract serve(): void;

  /** The work should have ended: its place stays with it, but not for ever. */
  #lingers(): void {
    if (!this.#holdsPlace || this.#cancelLinger !== null) return;
    const expired = this.#context?.reason instanceof DeadlineExceededError;
    const { clock, linger } = this.#host;
    this.#cancelLinger = clock.setTimeout(() => this.#release(expired ? "dropped" : "ignore"), linger, false);
  }

  /** The response is over, or nobody waits for it: gives the place back unless the work goes on. */
  #end(outcome: LimitOutcome): void {
    this.#outcome ??= outcome;
    this.#host.longResponses.delete(this);
    if (this.#working) return this.#lingers();
    this.isDone = true;
    this.#release(this.#outcome);
    // Ends its timer, and what still runs on its behalf.
    this.#context?.cancel();
  }

  #release(outcome: LimitOutcome): void {
    if (!this.#holdsPlace) return;
    this.#holdsPlace = false;
    this.#cancelLinger?.();
    const { limiter, clock, loopLag, usual } = this.#host;
    const now = clock.now();
    const latency = (Number.isNaN(this.#headersAt) ? now : this.#headersAt) - this.#admittedAt;
    if (outcome === "success") usual.record(latency);
    // The limiter is told of a latency by two points in time, of which the second is now.
    limiter.leave(now - latency, outcome === "success" && loopLag?.isOver === true ? "dropped" : outcome, now);
  }
}

/** Why a request that had to wait is not served: too late, or no room; a service that shuts down has none. */
function reasonOf({ reason }: Context): Refusal["reason"] {
  return reason instanceof DeadlineExceededError ? "deadline" : "limit";
}

/** What the status of an answer says of the load. A refusal of the handler's own comes from something behind it. */
function outcomeOf(status: number): LimitOutcome {
  if (status < 400) return "success";
  return status === 503 || status === 504 ? "dropped" : "ignore";
}

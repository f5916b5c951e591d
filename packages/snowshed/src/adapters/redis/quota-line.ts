import { CanceledError, DeadlineExceededError } from "../../errors.ts";
import { Queue } from "../../concurrency/queue.ts";
import { hooks } from "../../hooks.ts";
import type { CancelableWaiter, WaitHost } from "../../overload/cancelable-waiter.ts";
import { quotaRefusal } from "../../throttle/quota-refusal.ts";
import { quotaScript } from "./lua/quota-script.ts";
import { QuotaBlock } from "./quota-block.ts";
import type { Alike, Grant, TakeReply } from "./quota-state.ts";
import { readTake } from "./quota-state.ts";
import type { QuotaWaiter } from "./quota-waiter.ts";
import type { RedisCommands } from "./redis-commands.ts";
import type { QuotaPlan } from "./redis-quota-options.ts";

/** Whose line it is. @internal */
export interface LineHost {
  /** For the hooks. */
  readonly quota: object;
  readonly name: string;
  readonly plan: QuotaPlan;
  readonly commands: RedisCommands;
  /** Of all its lines. */
  queued: number;
  /** Nothing is left in it. */
  forget(line: QuotaLine): void;
}

/** So many are asked for in one script: the server does nothing else meanwhile. */
const largestBatch = 100;
const anyWait = -1;

/**
 * Those who wait in this process for one key, in the order they came. One question is on its way at a time, for all of
 * them. When the first cannot go yet, it gets its time from the server, and the others wait behind it.
 *
 * @internal
 */
export class QuotaLine implements WaitHost {
  readonly key: string;
  readonly #host: LineHost;
  readonly #queue = new Queue<QuotaWaiter>();
  /** How many of them do not wait. */
  #tries = 0;
  #isAsking = false;
  #isAboutToAsk = false;
  /** The first of the line has its time already. Milliseconds of the local clock. */
  #turn: { readonly grant: Grant; at: number } | null = null;
  #block: QuotaBlock | null = null;
  /** Milliseconds of the local clock. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;

  constructor(host: LineHost, key: string) {
    this.#host = host;
    this.key = key;
  }

  get queued(): number {
    return this.#queue.size;
  }

  get pausedFor(): number {
    return Math.max(0, this.#pausedUntil - this.#host.plan.clock.now());
  }

  /** How many milliseconds nobody goes for sure, so that nobody need ask. */
  get heldFor(): number {
    const until = this.#turn === null ? this.#pausedUntil : Math.max(this.#pausedUntil, this.#turn.at);
    return until === Number.NEGATIVE_INFINITY ? 0 : Math.max(0, until - this.#host.plan.clock.now());
  }

  /** Without asking: of what was taken at once. */
  takeHere(weight: number): Grant | null {
    if (this.#block === null || this.#queue.size > 0) return null;
    const now = this.#host.plan.clock.now();
    return now < this.#pausedUntil ? null : this.#block.take(weight, now);
  }

  push(waiter: QuotaWaiter): void {
    this.#queue.push(waiter);
    this.#host.queued++;
    if (waiter.isTry) this.#tries++;
    hooks?.blocked(this.#host.quota, waiter.weight, waiter);
    this.#serve();
  }

  /** All wait for so many milliseconds from now. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#host.plan.clock.now() + ms);
    if (this.#turn !== null && this.#turn.at < this.#pausedUntil) {
      // Gone after the pause, it would go beside those who get their time then.
      void this.refund(this.#turn.grant);
      this.#turn = null;
    }
    this.#serve();
  }

  /** Of a waiter that is canceled. */
  giveUp(waiter: CancelableWaiter, error: unknown): void {
    const hadTurn = this.#turn !== null && this.#queue.head === waiter;
    this.#remove(waiter as QuotaWaiter, false);
    waiter.refuse(error);
    const { head } = this.#queue;
    if (hadTurn && this.#turn !== null && head?.weight !== (waiter as QuotaWaiter).weight) {
      void this.refund(this.#turn.grant);
      this.#turn = null;
    }
    this.#serve();
  }

  /** The time of its caller is over. */
  timeOut(waiter: QuotaWaiter): void {
    const { timeout } = waiter;
    const isUnanswered = this.#isAsking && this.#turn === null;
    const error = isUnanswered
      ? this.#host.commands.unanswered(timeout)
      : new DeadlineExceededError(`waited ${timeout} ms for ${waiter.weight} of "${this.#host.name}"`);
    this.giveUp(waiter, error);
  }

  /** Of a waiter that was admitted and canceled in the same tick. */
  callOff(waiter: CancelableWaiter): void {
    const { grant } = waiter as QuotaWaiter;
    if (grant !== null) void this.refund(grant);
  }

  /** A promise that nobody awaits rejects unnoticed: what was not given back counts as used. */
  refund({ weight, at, refunds, levels }: Grant): Promise<void> {
    const args = ["refund", ...this.#host.plan.args, weight, at, refunds, ...levels];
    const done = this.#host.commands.run(quotaScript, this.key, args).then(() => {});
    done.catch(() => {});
    return done;
  }

  /** Refuses all, and gives back what nobody will use. */
  async close(): Promise<void> {
    const unused = [this.#turn?.grant ?? null, this.#block?.rest() ?? null];
    this.#turn = null;
    this.#block = null;
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
    for (let { head } = this.#queue; head !== null; head = this.#queue.head) {
      this.#remove(head, false);
      head.refuse(new CanceledError(`the quota "${this.#host.name}" is closed`));
    }
    this.#serve();
    await Promise.all(unused.flatMap((grant) => (grant === null ? [] : [this.refund(grant)])));
  }

  #remove(waiter: QuotaWaiter, granted: boolean): void {
    this.#queue.remove(waiter);
    this.#host.queued--;
    if (waiter.isTry) this.#tries--;
    hooks?.unblocked(this.#host.quota, waiter, granted);
  }

  #admit(waiter: QuotaWaiter, grant: Grant | null): void {
    this.#remove(waiter, grant !== null);
    waiter.grant = grant;
    waiter.admit();
  }

  /** Lets go who may go, and asks for the others or sets the time when to look again. */
  #serve(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const { clock } = this.#host.plan;
    const now = clock.now();
    if (now < this.#pausedUntil || this.#turn !== null) this.#dismissTries();
    if (this.#queue.head !== null && now < this.#pausedUntil) return this.#wake(this.#pausedUntil, true);
    if (this.#turn !== null) {
      if (now < this.#turn.at) return this.#wake(this.#turn.at, true);
      const { grant } = this.#turn;
      this.#turn = null;
      this.#admit(this.#queue.head!, grant);
    }
    this.#spendBlock(now);
    if (this.#isAsking) return;
    if (this.#queue.head !== null) return this.#askSoon();
    if (this.#block !== null) return this.#wake(this.#block.validUntil, false);
    if (now < this.#pausedUntil) return this.#wake(this.#pausedUntil, false);
    this.#host.forget(this);
  }

  /** Those who do not wait, behind one who does. */
  #dismissTries(): void {
    let after: QuotaWaiter | null;
    for (let waiter = this.#queue.head; this.#tries > 0 && waiter !== null; waiter = after) {
      ({ after } = waiter);
      if (waiter.isTry) this.#dismiss(waiter, this.heldFor);
    }
  }

  #dismiss(waiter: QuotaWaiter, wait: number): void {
    if (waiter.isQuiet) return this.#admit(waiter, null);
    this.#remove(waiter, false);
    waiter.refuse(quotaRefusal(this.#host.name, `a wait of ${Math.ceil(wait)} ms`, wait));
  }

  #wake(at: number, keepAlive: boolean): void {
    const { clock } = this.#host.plan;
    this.#cancelTimer = clock.setTimeout(() => this.#serve(), Math.max(0, at - clock.now()), keepAlive);
  }

  #spendBlock(now: number): void {
    const block = this.#block;
    if (block === null) return;
    for (let { head } = this.#queue; head !== null; head = this.#queue.head) {
      const grant = block.take(head.weight, now);
      if (grant === null) break;
      this.#admit(head, grant);
    }
    if (block.left > 0 && now < block.validUntil) return;
    this.#block = null;
    const rest = block.rest();
    if (rest !== null) void this.refund(rest);
  }

  /** Those who come in the same tick are asked for together. */
  #askSoon(): void {
    if (this.#isAboutToAsk) return;
    this.#isAboutToAsk = true;
    queueMicrotask(() => {
      this.#isAboutToAsk = false;
      if (this.#queue.head === null || this.#isAsking || this.#turn !== null || this.pausedFor > 0)
        return this.#serve();
      this.#ask(this.#host.plan.clock.now());
    });
  }

  #ask(now: number): void {
    const { plan, commands } = this.#host;
    const batch: QuotaWaiter[] = [];
    const asked: Alike[] = [];
    let last: Alike | null = null;
    let total = 0;
    for (let waiter = this.#queue.head; waiter !== null && batch.length < largestBatch; waiter = waiter.after) {
      const { weight, timeout, since } = waiter;
      const longest =
        timeout === Number.POSITIVE_INFINITY ? anyWait : Math.max(0, Math.floor((since + timeout - now) * 1000));
      if (last !== null && last.weight === weight && last.longest === longest) last.count++;
      else asked.push((last = { count: 1, weight, longest }));
      batch.push(waiter);
      total += weight;
    }
    const besides = this.#block === null ? Math.max(0, plan.block - total) : 0;
    const args = ["take", ...plan.args, besides];
    for (const { count, weight, longest } of asked) args.push(count, weight, longest);
    const read = (reply: unknown): TakeReply => readTake(reply, plan.rates, asked);
    this.#isAsking = true;
    commands
      .run(quotaScript, this.key, args, (reply) => this.#giveBack(read(reply)))
      .then((reply) => this.#answer(batch, read(reply), now))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isAsking = false;
        this.#serve();
      });
  }

  /** It came too late: those who asked have been told that there was no answer. */
  #giveBack({ outcomes, block }: TakeReply): void {
    for (const taken of [block, ...outcomes.toReversed()]) {
      if (taken !== null && typeof taken !== "number") void this.refund(taken);
    }
  }

  #answer(batch: readonly QuotaWaiter[], reply: TakeReply, askedAt: number): void {
    const now = this.#host.plan.clock.now();
    if (reply.pausedFor > 0) this.#pausedUntil = Math.max(this.#pausedUntil, now + reply.pausedFor / 1000);
    if (reply.block !== null) this.#block = new QuotaBlock(reply.block, askedAt);
    for (const [index, outcome] of reply.outcomes.entries()) {
      const waiter = batch[index]!;
      if (!this.#queue.has(waiter)) {
        // Canceled meanwhile.
        if (typeof outcome !== "number") void this.refund(outcome);
      } else if (typeof outcome === "number") this.#dismiss(waiter, outcome / 1000);
      else if (outcome.wait === 0) this.#admit(waiter, outcome);
      else this.#turn = { grant: outcome, at: now + outcome.wait / 1000 };
    }
  }

  /** There is no use in asking for those behind them: they would wait as long for as little. */
  #fail(error: unknown): void {
    for (let { head } = this.#queue; head !== null; head = this.#queue.head) {
      this.#remove(head, false);
      head.refuse(error);
    }
  }
}

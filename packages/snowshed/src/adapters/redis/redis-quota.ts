import { scopeOf } from "../../concurrency/abort.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { toMilliseconds } from "../../duration.ts";
import { CanceledError, checkFunction, invalidArgument, SnowshedError } from "../../errors.ts";
import { hooks } from "../../hooks.ts";
import { quotaAnswerOf } from "../../throttle/quota-answer.ts";
import { checkWeight } from "../../throttle/quota-options.ts";
import { quotaRefusal } from "../../throttle/quota-refusal.ts";
import { longestWindow } from "../../throttle/rate-limit-fields.ts";
import { quotaScript } from "./lua/quota-script.ts";
import type { LineHost } from "./quota-line.ts";
import { QuotaLine } from "./quota-line.ts";
import { GrantedPermit } from "./quota-permit.ts";
import { readState } from "./quota-state.ts";
import { QuotaWaiter } from "./quota-waiter.ts";
import { RedisCommands } from "./redis-commands.ts";
import type { RedisLike } from "./redis-like.ts";
import type {
  RedisQuotaAcquireOptions,
  RedisQuotaInspection,
  RedisQuotaKeyOptions,
  RedisQuotaOptions,
  RedisQuotaPermit,
} from "./redis-quota-options.ts";
import { quotaPlanOf } from "./redis-quota-options.ts";
import { portOf } from "./redis-port.ts";

/**
 * A quota that several processes share: so many calls per second, per minute, per hour, several at once, and of each key
 * (a tenant, a user) if there are keys. It is kept in Redis, and measured by the clock of the Redis server alone.
 *
 * In any `t`, at most `burst + t · requests / per` units may go (instead of `burst` the heaviest weight, if that is more). It
 * is counted in whole microseconds, so it never drifts.
 *
 * One script decides on all limits at once, and takes of all or of none. Callers of one process wait in order. When the
 * first of them cannot go yet, it gets its time from the server, so that processes take turns and nobody polls.
 *
 * Each call rejects with `SNOWSHED_BACKEND_UNAVAILABLE` if Redis does not answer within `commandTimeout` (5 s), or its
 * `timeout`; with `SNOWSHED_FATAL` if Redis refused what no other attempt can change.
 *
 * @example
 * ```ts no-run
 * import { Redis } from "ioredis";
 * import { RedisQuota } from "snowshed/redis";
 *
 * const client = new Redis();
 * const mails = new RedisQuota(client, "mails", { limits: [{ requests: 100, per: "1m", burst: 10 }] });
 * await mails.run(() => console.log("sent"), { key: "tenant-7" }); // sent
 * client.disconnect();
 * ```
 */
export class RedisQuota {
  readonly name: string;
  readonly #host: LineHost;
  /** Those in which somebody waits, or something was taken at once, or that pause. By the key in Redis. */
  readonly #lines = new Map<string, QuotaLine>();
  #isClosed = false;
  /** Of what has no key. */
  readonly #plainKey: string;

  /** `client` is not closed by it, and may be shared with anything that does not block its connection. */
  constructor(client: RedisLike, name: string, options: RedisQuotaOptions) {
    const plan = quotaPlanOf(name, options);
    this.name = name;
    this.#plainKey = `{${plan.prefix}:${name}}:quota`;
    this.#host = {
      quota: this,
      name,
      plan,
      commands: new RedisCommands(portOf(client), plan.commandTimeout, plan.clock, `the quota "${name}"`),
      queued: 0,
      forget: (line) => {
        if (this.#lines.get(line.key) === line) this.#lines.delete(line.key);
      },
    };
    hooks?.resourceCreated(this, "quota", name, plan.limits[0]!.requests);
  }

  /** How many wait in this process, for Redis or for their turn. */
  get queued(): number {
    return this.#host.queued;
  }

  /**
   * Spends `weight` units if they may go now and nobody waits in this process who goes first; `undefined` if not. `weight`
   * is an integer of at least 1 and at most the `requests` of each limit (`SNOWSHED_NEVER_FITS`).
   */
  tryPermit(weight: number = 1, options: RedisQuotaKeyOptions = {}): Promise<RedisQuotaPermit | undefined> {
    return this.#take(weight, options.key, undefined, 0, true);
  }

  /**
   * Spends `weight` units as soon as they may go, and everyone who came before in this process has gone.
   *
   * Rejects, having spent nothing: with `SNOWSHED_LIMIT_EXCEEDED` when `maxQueue` wait already, or when the wait is known to
   * exceed `timeout`, with `retryAfter` in milliseconds; with `DeadlineExceededError` after `timeout`; with the
   * cancellation when `signal` aborts, or the quota was closed; with `SNOWSHED_NEVER_FITS`.
   */
  permit(weight: number = 1, options: RedisQuotaAcquireOptions = {}): Promise<RedisQuotaPermit> {
    const { key, signal, timeout } = options;
    return this.#take(weight, key, signal, timeout, false) as Promise<RedisQuotaPermit>;
  }

  /**
   * Runs `task` once its `weight` units (default 1) may go, and observes what it returns or throws. Resolves and rejects
   * as the task does; rejects as `permit()` does without having run it.
   */
  async run<T>(
    task: (context: Context) => T | PromiseLike<T>,
    options: RedisQuotaAcquireOptions & { readonly weight?: number | undefined } = {},
  ): Promise<T> {
    checkFunction(task, "task");
    const { weight = 1, signal } = options;
    const context = contextOf(signal, this.#host.plan.clock);
    await this.#take(weight, options.key, signal, options.timeout, false);
    let outcome: unknown;
    try {
      const value = await task(context);
      outcome = value;
      return value;
    } catch (error) {
      outcome = error;
      throw error;
    } finally {
      this.observe(outcome, options);
    }
  }

  /**
   * Learns from an answer, or from an error that carries one: a `Response`, or anything with `headers` and `status` or
   * `statusCode`. After a 429, or a 403, 503 or 529 with `Retry-After`, and when the service says that nothing is left until
   * its reset, all processes pause as `penalise()` has it. Never throws: if Redis cannot be told, this process pauses.
   */
  observe(outcome: unknown, options: RedisQuotaKeyOptions = {}): void {
    const answer = quotaAnswerOf(outcome, this.#host.plan.clock.date());
    const untilReset = answer?.fields?.remaining === 0 ? answer.fields.reset : undefined;
    const pause = answer?.pause ?? untilReset;
    if (pause !== undefined && pause > 0) this.penalise(pause, options).catch(() => {});
  }

  /**
   * Nobody goes for so long, or until then, in any process; a shorter pause ends no longer one. At most a day. In other
   * processes, who has its time from the server already, or units of a `block`, still goes.
   *
   * Resolves when Redis knows. This process pauses at once, also if that fails.
   */
  async penalise(pause: Duration | Date, options: RedisQuotaKeyOptions = {}): Promise<void> {
    const { plan, commands } = this.#host;
    const asked = pause instanceof Date ? pause.getTime() - plan.clock.date() : toMilliseconds(pause, "pause");
    if (Number.isNaN(asked)) throw invalidArgument(RangeError, "pause", "a duration or a date", pause);
    const ms = Math.min(asked, longestWindow);
    if (ms <= 0) return;
    const line = this.#lineOf(options.key);
    this.#lines.set(line.key, line);
    line.pause(ms);
    await commands.run(quotaScript, line.key, ["pause", ...plan.args, Math.ceil(ms * 1000)]);
  }

  async inspect(options: RedisQuotaKeyOptions = {}): Promise<RedisQuotaInspection> {
    const { plan, commands } = this.#host;
    const line = this.#lineOf(options.key);
    const reply = await commands.run(quotaScript, line.key, ["take", ...plan.args, 0]);
    const { available, pausedFor } = readState(reply, plan.rates);
    return {
      limits: plan.limits.map(({ requests, per }, index) => ({
        requests,
        per: per / 1000,
        available: available[index]!,
      })),
      queued: line.queued,
      pausedFor: Math.max(pausedFor / 1000, line.pausedFor),
    };
  }

  /**
   * Refuses all that wait and that come (`SNOWSHED_CANCELED`), and gives back what was taken for them. The client stays
   * open. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE` if that could not be given back: it stays spent.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#lines.values()].map((line) => line.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #lineOf(key: string | undefined): QuotaLine {
    const redisKey = key === undefined ? this.#plainKey : this.#keyOf(key);
    return this.#lines.get(redisKey) ?? new QuotaLine(this.#host, redisKey);
  }

  /** What is in the braces decides where it is in a Cluster: keys are spread. */
  #keyOf(key: string): string {
    if (typeof key !== "string") throw invalidArgument(TypeError, "key", "a text", key);
    const { plan, name } = this.#host;
    // The name once more, so that no name and key look like another name with another key.
    return `{${plan.prefix}:${name}:${key}}:quota:${name}`;
  }

  /** Not async: one promise less, and a block is spent without any that waits. */
  #take(
    weight: number,
    key: string | undefined,
    signal: AbortSignal | Context | undefined,
    timeout: Duration | undefined,
    isQuiet: boolean,
  ): Promise<RedisQuotaPermit | undefined> {
    try {
      const { plan } = this.#host;
      const line = this.#lineOf(key);
      const scope = scopeOf(signal);
      const patience = timeout === undefined ? Number.POSITIVE_INFINITY : toMilliseconds(timeout, "timeout");
      checkWeight(weight, plan.limits, this.name);
      if (this.#isClosed) throw new CanceledError(`the quota "${this.name}" is closed`);
      if (scope?.isAborted) throw scope.abortReason;
      const here = line.takeHere(weight);
      if (here !== null) return Promise.resolve(new GrantedPermit(line, here));
      return this.#isRefused(line, patience, isQuiet)
        ? Promise.resolve(undefined)
        : this.#wait(line, weight, scope, patience, isQuiet);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Whether it has to wait longer than it can. Throws that, but to who wants to be told quietly. */
  #isRefused(line: QuotaLine, timeout: number, isQuiet: boolean): boolean {
    const { plan, queued } = this.#host;
    const held = line.heldFor;
    const isFull = queued >= plan.maxQueue;
    if (!isFull && (held === 0 || held <= timeout)) return false;
    if (isQuiet) return true;
    if (!isFull) throw quotaRefusal(this.name, `a wait of ${Math.ceil(held)} ms`, held);
    throw new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", `refused by the quota "${this.name}": ${queued} wait already`);
  }

  #wait(
    line: QuotaLine,
    weight: number,
    scope: ReturnType<typeof scopeOf>,
    timeout: number,
    isQuiet: boolean,
  ): Promise<RedisQuotaPermit | undefined> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#host.plan;
      const waiter = new QuotaWaiter(line, clock.now(), scope !== null, resolve, reject, weight, timeout, isQuiet);
      scope?.link(waiter);
      if (timeout > 0 && timeout !== Number.POSITIVE_INFINITY) {
        waiter.cancelTimer = clock.setTimeout(() => line.timeOut(waiter), timeout);
      }
      this.#lines.set(line.key, line);
      line.push(waiter);
    });
  }
}

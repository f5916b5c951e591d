import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import { finite, toMillisecondsInRange } from "../../duration.ts";
import { checkInteger, invalidArgument } from "../../errors.ts";
import type { OutcomeWindow } from "../../overload/windows/outcome-window.ts";
import { TimeWindow } from "../../overload/windows/time-window.ts";
import { windowScript } from "./lua/window-script.ts";
import { RedisCommands } from "./redis-commands.ts";
import type { RedisLike } from "./redis-like.ts";
import { checkKeyPart } from "./redis-names.ts";
import { portOf } from "./redis-port.ts";
import { SharedCounts } from "./shared-counts.ts";

export interface RedisWindowOptions {
  /** How long an outcome is held at most: at least 1 s. Default: `"10s"`. */
  readonly length?: Duration | undefined;
  /** In how many steps old outcomes are forgotten: an integer from 1 to 100. Default: 10. */
  readonly slices?: number | undefined;
  /** How long outcomes are gathered before Redis is told, in one command: at least 1 ms. Default: `"100ms"`. */
  readonly flushEvery?: Duration | undefined;
  /** What the keys in Redis begin with. Default: `"snowshed"`. */
  readonly prefix?: string | undefined;
  /** How long an answer of Redis is waited for: at least 1 ms. Default: `"5s"`. */
  readonly commandTimeout?: Duration | undefined;
  /** Default: the system's. It must be that of the breaker which uses the window. */
  readonly clock?: Clock | undefined;
}

const mostSlices = 100;

/**
 * The outcomes of the last `length` of time, of all processes that use the same name: what a `CircuitBreaker` can take
 * its failure rate of, so that a service that fails everywhere is noticed by those that call it seldom.
 *
 * Recording is local and allocates nothing; what was recorded goes to Redis in one command every `flushEvery`, and the
 * answer brings what the others recorded. So the numbers are older than the last answer by as much, and nothing is asked
 * while nothing is recorded. There is no flush to wait for: a breaker decides at once, by what is known.
 *
 * Never throws for want of Redis: it goes on with the outcomes of this process alone, from the first answer that does not
 * come until the next one that does. `failure` says why. What could not be sent is not sent again.
 *
 * @example
 * ```ts no-run
 * import { Redis } from "ioredis";
 * import { CircuitBreaker } from "snowshed";
 * import { RedisWindow } from "snowshed/redis";
 *
 * const window = new RedisWindow(new Redis(), "payments", { length: "10s" });
 * const payments = new CircuitBreaker({ window, minimumCalls: 50 });
 * console.log(await payments.run(async () => 42)); // 42
 * ```
 */
export class RedisWindow implements OutcomeWindow {
  readonly name: string;
  /** Milliseconds. */
  readonly length: number;
  readonly slices: number;
  readonly #commands: RedisCommands;
  readonly #clock: Clock;
  readonly #flushEvery: number;
  readonly #key: string;
  /** Of this process. */
  readonly #own: TimeWindow;
  readonly #shared: SharedCounts;
  /** Not sent yet. */
  #total = 0;
  #failures = 0;
  /** The same, from before a reset: the others are to have it. */
  #oldTotal = 0;
  #oldFailures = 0;
  #cancelTimer: (() => void) | null = null;
  #flushing: Promise<void> | null = null;
  #failure: unknown;
  #isClosed = false;

  /** `client` is not closed by it. */
  constructor(client: RedisLike, name: string, options: RedisWindowOptions = {}) {
    checkKeyPart(name, "name");
    const { length = "10s", slices = 10, flushEvery = "100ms", prefix = "snowshed", clock = systemClock } = options;
    checkKeyPart(prefix, "prefix");
    this.length = toMillisecondsInRange(length, "length", 1000, finite);
    checkInteger(slices, "slices", 1);
    if (slices > mostSlices) throw invalidArgument(RangeError, "slices", `at most ${mostSlices}`, slices);
    this.#flushEvery = toMillisecondsInRange(flushEvery, "flushEvery", 1, finite);
    const commandTimeout = toMillisecondsInRange(options.commandTimeout ?? "5s", "commandTimeout", 1, 2 ** 31 - 1);
    this.name = name;
    this.slices = slices;
    this.#clock = clock;
    this.#own = new TimeWindow({ length: this.length, slices });
    this.#shared = new SharedCounts(Math.ceil((1000 * this.length) / slices), slices);
    // The number of a slice says how long one is.
    this.#key = `{${prefix}:${name}}:window:${this.#shared.sliceLength}`;
    this.#commands = new RedisCommands(portOf(client), commandTimeout, clock, `the window "${name}"`);
  }

  /** What the latest command failed with, while it is this process alone that is counted; `undefined` while all are. */
  get failure(): unknown {
    return this.#failure;
  }

  /** A call ended. */
  record(failed: boolean, at: number): void {
    this.#own.record(failed, at);
    this.#total++;
    if (failed) this.#failures++;
    if (this.#cancelTimer === null && this.#flushing === null && !this.#isClosed) this.#arm();
  }

  /** How many calls the window holds, of all processes as far as is known. */
  total(at: number): number {
    return this.#isShared ? this.#shared.total(at) + this.#total : this.#own.total(at);
  }

  /** How many of them failed. */
  failures(at: number): number {
    return this.#isShared ? this.#shared.failures(at) + this.#failures : this.#own.failures(at);
  }

  /**
   * Forgets them all, for this process: what others, and it, have recorded until now counts here no more. The others go
   * on with what they have. It is what a breaker does when it closes.
   */
  reset(): void {
    this.#own.reset();
    this.#shared.reset();
    this.#oldTotal += this.#total;
    this.#oldFailures += this.#failures;
    this.#total = this.#failures = 0;
  }

  /**
   * Sends what was recorded, and learns what the others have: for who reads without recording. Resolves with whether Redis
   * answered.
   */
  async flush(): Promise<boolean> {
    while (this.#flushing !== null) await this.#flushing;
    await this.#send();
    return this.#failure === undefined;
  }

  /** Sends what was recorded. What is recorded later counts for this process alone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#total + this.#oldTotal > 0) await this.flush();
    this.#disarm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #isShared(): boolean {
    return this.#shared.isKnown && this.#failure === undefined;
  }

  #arm(): void {
    // Numbers that nobody waits for keep no process running.
    this.#cancelTimer = this.#clock.setTimeout(() => void this.#send(), this.#flushEvery, false);
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #send(): Promise<void> {
    this.#disarm();
    this.#shared.send(this.#total, this.#failures);
    const sums = [this.#total + this.#oldTotal, this.#failures + this.#oldFailures];
    this.#total = this.#failures = this.#oldTotal = this.#oldFailures = 0;
    const args = [this.#shared.sliceLength, this.slices, ...sums];
    this.#flushing = this.#commands
      .run(windowScript, this.#key, args)
      .then(
        (reply) => {
          this.#shared.read(reply, this.#clock.now());
          this.#failure = undefined;
        },
        (error: unknown) => {
          this.#shared.lose();
          this.#failure = error;
        },
      )
      .then(() => {
        this.#flushing = null;
        if (this.#total + this.#oldTotal > 0 && !this.#isClosed) this.#arm();
      });
    return this.#flushing;
  }
}

import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { aboveZero, finite, toMillisecondsInRange } from "../duration.ts";
import { invalidArgument } from "../errors.ts";
import type { Priority, PriorityBand } from "./priority.ts";
import { bandOf, bands, levelOf, levelsPerBand } from "./priority.ts";

export interface PrioritizerOptions {
  /**
   * How much of a limit each band may use, in (0, 1], none more than one above it. Default: critical all of it, high and
   * normal 0.9, low 0.6.
   */
  readonly shares?: Readonly<Partial<Record<PriorityBand, number>>> | undefined;
  /** How often the cut-off is set anew. Default: 250 ms. */
  readonly window?: Duration | undefined;
  /** For the hour and for chance. Default: the system's. */
  readonly clock?: Clock | undefined;
}

const defaultShares: Readonly<Record<PriorityBand, number>> = { critical: 1, high: 0.9, normal: 0.9, low: 0.6 };
const levels = bands.length * levelsPerBand;
/**
 * One window without trouble raises the cut-off by so much, each further one by twice as much as the one before, or four
 * times if nobody was refused at all.
 */
const leastRise = levels >> 7;
/**
 * So many times as many as were served are let through. With less, what comes in bursts would leave places empty; who is
 * refused among the rest is the limiter's to say, which knows the bands, too.
 */
const headroom = 1.5;
/** What became of fewer says nothing yet, if some were refused: the window goes on, at most to four times its length. */
const enough = 20;
/** After so many windows without anybody, what was measured before them is of no use. */
const forgotten = 8;

/**
 * Decides whom to refuse when not all can be served: the least important first, and users as a whole instead of one
 * request in two of each. Give one to all limiters of a process that serve the same requests: they share its cut-off.
 *
 * Two rules. Each band has a share of every limit, so that there is always room for what is above it. And there is a
 * cut-off through all bands and, within a band, through its users: after a window in which a limiter refused more than a
 * third of those let through, at once or from its queue, it falls to where half as many again pass as were served;
 * otherwise it rises, faster with each window. The method is that of DAGOR (Zhou et al., "Overload Control for Scaling
 * WeChat Microservices", 2018). It has no timer.
 *
 * @example
 * ```ts
 * import { fixed, Limiter, Prioritizer } from "snowshed";
 *
 * const limiter = new Limiter({ algorithm: fixed(10), prioritizer: new Prioritizer() });
 * let low = 0;
 * while (limiter.tryAcquire({ priority: "low" }) !== undefined) low++;
 * console.log(low, limiter.tryAcquire({ priority: "critical" }) !== undefined); // 6 true
 * ```
 */
export class Prioritizer {
  readonly #shares: readonly number[];
  readonly #window: number;
  readonly #clock: Clock;
  /** Levels below it pass. A level is a band and a place in it; 0 matters most. */
  #cutoff = levels;
  #rise = leastRise;
  /** Of the window: how many came by level, how many of them passed, and what became of those. */
  readonly #offered = new Uint32Array(levels);
  #passed = 0;
  #refused = 0;
  #start = Number.NaN;

  constructor(options: PrioritizerOptions = {}) {
    const { window = 250, clock = systemClock } = options;
    this.#window = toMillisecondsInRange(window, "window", aboveZero, finite);
    this.#shares = bands.map((band) => options.shares?.[band] ?? defaultShares[band]);
    this.#shares.forEach((share, index) => {
      const most = this.#shares[index - 1] ?? 1;
      if (typeof share === "number" && share > 0 && share <= most) return;
      throw invalidArgument(RangeError, `shares.${bands[index]}`, `more than 0 and at most ${most}`, share);
    });
    this.#clock = clock;
  }

  /** The part of all levels of priority that passes now: 1 when nobody is cut off. */
  get cutoff(): number {
    return this.#cutoff / levels;
  }

  /** How many of `limit` places a band may use: one at the least. @internal */
  room(limit: number, band: number): number {
    // Rounded up: of a small limit a reserve would be a large part. Less a little: 0.55 * 100 is not quite 55.
    return Math.max(1, Math.ceil(limit * this.#shares[band]! - 1e-9));
  }

  /** Counts one that came, and says whether it passes the cut-off. @internal */
  pass(priority: Priority | undefined, at: number): boolean {
    const band = bandOf(priority);
    const place =
      typeof priority === "object"
        ? levelOf(priority.user, this.#clock.date())
        : Math.floor(this.#clock.random() * levelsPerBand);
    if (!(at - this.#start < this.#window)) this.#turn(at);
    const level = band * levelsPerBand + place;
    this.#offered[level]!++;
    if (level >= this.#cutoff) return false;
    this.#passed++;
    return true;
  }

  /** One that had passed was refused by a limiter: `1`, or after all not: `-1`. @internal */
  refused(count: 1 | -1): void {
    this.#refused += count;
  }

  /** The end of a window. */
  #turn(at: number): void {
    const windows = Math.floor((at - this.#start) / this.#window);
    if (this.#refused > 0 && this.#passed < enough && windows < 4) return;
    const pass = Math.max(0, this.#passed - this.#refused) * headroom;
    if (!(windows < forgotten)) {
      this.#cutoff = levels;
      this.#rise = leastRise;
    } else if (pass < this.#passed) {
      // By half at the most: one bad window is no reason to stop.
      this.#fallTo(Math.max(pass, this.#passed / 2));
      this.#rise = leastRise;
    } else {
      this.#cutoff = Math.min(levels, this.#cutoff + this.#rise);
      this.#rise = Math.min(levels, this.#rise * (this.#refused > 0 ? 2 : 4));
    }
    this.#offered.fill(0);
    this.#passed = this.#refused = 0;
    this.#start = at;
  }

  /** Lowers the cut-off so that of those who came in the window about `count` would have passed. */
  #fallTo(count: number): void {
    let level = 0;
    // The level that exceeds it still passes: it may be one user that sends nearly everything.
    for (let sum = 0; level < this.#cutoff && sum <= count; level++) sum += this.#offered[level]!;
    this.#cutoff = level;
  }
}

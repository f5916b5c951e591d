import type { Redis } from "ioredis";
import { CapacityFailure } from "../capacity-failure.ts";
import type { Sample } from "../measurement.ts";
import { maskedTarget } from "../target.ts";
import type { Driver, DriverOptions } from "./driver.ts";
import { connectRedis } from "./redis-client.ts";
import { random, runSchedule } from "./schedule.ts";

/** Light: what is measured is what fullness does, not load. */
const perSecond = 400;
const patienceMs = 1000;
const largestBatch = 1000;
/** What is on its way to the server counts as used memory, too. */
const largestBatchBytes = 256 * 1024;
/** Batches in which nothing grew, was evicted or refused: it will not get fuller. */
const mostIdleBatches = 20;

interface Memory {
  /** Percent of maxmemory, without what eviction does not count. */
  readonly used: number;
  readonly usedBytes: number;
  readonly maxBytes: number;
  readonly evicted: number;
}

/**
 * Fills a Redis with keys of its own up the ramp, and at each step reads old keys and writes new ones. Only one that is
 * empty, or whose owner confirmed: with a policy that evicts, it may evict what was there before.
 */
export class MemoryDriver implements Driver {
  readonly unit = "% of maxmemory";
  readonly order = "climbing";
  readonly #options: DriverOptions;
  readonly #value: string;
  #redis: Redis | undefined;
  #keys = 0;
  /** Bytes of a key and its value, as found while filling. */
  #bytesPerKey: number;
  #evictedBefore = 0;
  #evictedAt: number | null = null;
  #refusedAt: number | null = null;
  #isRefusing = false;
  #steps = 0;

  constructor(options: DriverOptions) {
    this.#options = options;
    const { valueBytes = 512 } = options;
    this.#value = "x".repeat(valueBytes);
    this.#bytesPerKey = valueBytes + 100;
  }

  async open(): Promise<void> {
    const { url, confirm } = this.#options;
    this.#redis = await connectRedis(url);
    const { maxBytes } = await this.#memory();
    if (maxBytes === 0) {
      throw new CapacityFailure(
        `${maskedTarget(url)} has no maxmemory: it cannot be full; set it to what production has`,
      );
    }
    const keys = await this.#client.dbsize();
    if (keys > 0 && !confirm) {
      throw new CapacityFailure(
        `${maskedTarget(url)} holds ${keys} keys: filling it may evict them; give an empty one, or confirm: true`,
      );
    }
  }

  async startRepetition(signal: AbortSignal): Promise<void> {
    await this.#clear();
    signal.throwIfAborted();
    this.#evictedAt = null;
    this.#refusedAt = null;
    this.#isRefusing = false;
    this.#evictedBefore = (await this.#memory()).evicted;
  }

  async measure(load: number, signal: AbortSignal): Promise<Sample> {
    await this.#fill(load, signal);
    const draw = random(this.#options.seed + ++this.#steps);
    const sample = await runSchedule({
      rate: perSecond,
      seconds: this.#options.stepSeconds,
      seed: this.#options.seed + this.#steps,
      patienceMs,
      signal,
      request: (index) =>
        index % 2 === 0 ? this.#client.get(keyOf(Math.floor(draw() * this.#keys))) : this.#set(this.#keys++),
    });
    const { used } = await this.#look();
    return { ...sample, used, evictedAt: this.#evictedAt, refusedAt: this.#refusedAt };
  }

  async close(): Promise<void> {
    if (this.#redis === undefined) return;
    await this.#clear().catch(() => {});
    this.#redis.disconnect();
  }

  get #client(): Redis {
    if (this.#redis === undefined) throw new Error("open() was not called");
    return this.#redis;
  }

  async #set(index: number): Promise<void> {
    try {
      await this.#client.set(keyOf(index), this.#value);
    } catch (error) {
      this.#isRefusing ||= isRefusal(error);
      throw error;
    }
  }

  async #fill(load: number, signal: AbortSignal): Promise<void> {
    let idle = 0;
    let last = await this.#look();
    // Full is where a write is refused, or takes the place of a key: that a hundred percent were in use for a moment, with
    // what was on its way, says neither.
    const enough = load < 100 ? load : Infinity;
    while (last.used < enough && this.#refusedAt === null && idle < mostIdleBatches) {
      signal.throwIfAborted();
      // Beyond the first eviction more keys change nothing: each takes the place of another.
      if (this.#evictedAt !== null) return;
      const missing = (load / 100) * last.maxBytes - last.usedBytes;
      const most = Math.min(largestBatch, largestBatchBytes / this.#bytesPerKey);
      const count = Math.max(1, Math.ceil(Math.min(most, missing / this.#bytesPerKey)));
      const pipeline = this.#client.pipeline();
      for (let each = 0; each < count; each++) pipeline.set(keyOf(this.#keys++), this.#value);
      const answers = await pipeline.exec();
      const failure = answers?.find(([error]) => error !== null)?.[0];
      if (failure && !isRefusal(failure)) throw new CapacityFailure(`filling it failed: ${failure.message}`);
      this.#isRefusing ||= Boolean(failure);
      const now = await this.#look();
      const grown = now.usedBytes - last.usedBytes;
      if (grown > 0 && !failure) this.#bytesPerKey = Math.max(this.#value.length, grown / count);
      idle = grown > 0 ? 0 : idle + 1;
      last = now;
    }
  }

  /** Notes the first eviction and the first refusal. */
  async #look(): Promise<Memory> {
    const memory = await this.#memory();
    if (memory.evicted > this.#evictedBefore) this.#evictedAt ??= Math.min(100, memory.used);
    if (this.#isRefusing) this.#refusedAt ??= Math.min(100, memory.used);
    return memory;
  }

  async #memory(): Promise<Memory> {
    let info: string;
    try {
      info = await this.#client.info();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new CapacityFailure(`${maskedTarget(this.#options.url)} does not answer any more: ${message}`);
    }
    const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
    const usedBytes = read("used_memory") - read("mem_not_counted_for_evict");
    const maxBytes = read("maxmemory");
    const used = maxBytes === 0 ? 0 : (usedBytes / maxBytes) * 100;
    return { used, usedBytes, maxBytes, evicted: read("evicted_keys") };
  }

  async #clear(): Promise<void> {
    for (let from = 0; from < this.#keys; from += largestBatch) {
      const count = Math.min(largestBatch, this.#keys - from);
      await this.#client.unlink(...Array.from({ length: count }, (_, index) => keyOf(from + index)));
    }
    this.#keys = 0;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("OOM");
}

function keyOf(index: number): string {
  return `snowshed:capacity:memory:${index}`;
}

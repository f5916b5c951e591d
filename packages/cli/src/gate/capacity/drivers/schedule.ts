import { setTimeout as sleep } from "node:timers/promises";
import type { Sample } from "../measurement.ts";
import { quantile } from "../statistics.ts";
import { emptySample } from "./driver.ts";

/** A generator that is later than this measured itself. */
const mostLagMs = 10;

export interface Schedule {
  /** Requests per second, at times drawn beforehand (Poisson). */
  readonly rate: number;
  readonly seconds: number;
  readonly seed: number;
  /** Whoever waits longer has gone; counts as an error. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  /** Resolves when it is answered well. Aborted by its signal when nobody waits for it any more. */
  readonly request: (index: number, signal: AbortSignal) => Promise<unknown>;
}

/**
 * An open loop: requests begin when they are due, however the others fare, and each latency counts from then. So a server
 * that stalls is charged for all who would have come meanwhile. Voids itself when it was late.
 */
export async function runSchedule(schedule: Schedule): Promise<Sample> {
  const { rate, seconds, seed, patienceMs, signal, request } = schedule;
  const due = dueTimes(rate, seconds * 1000, random(seed));
  const latencies: number[] = [];
  const lags: number[] = [];
  let failed = 0;
  let served = 0;
  let wait = 0;
  const open = new Set<Promise<void>>();
  const begin = performance.now();
  const come = async (at: number, index: number): Promise<void> => {
    const leave = new AbortController();
    const timer = setTimeout(() => leave.abort(), Math.max(0, at + patienceMs - (performance.now() - begin)));
    let isAnswered = false;
    try {
      await Promise.race([request(index, leave.signal), aborted(leave.signal)]);
      isAnswered = true;
    } catch {
      // Counted below.
    }
    clearTimeout(timer);
    const now = performance.now() - begin;
    const latency = now - at;
    // What is answered after that was left over: it says how long the queue is, not how fast it moves.
    if (isAnswered && latency <= patienceMs && now <= seconds * 1000) served++;
    wait += Math.min(latency, patienceMs);
    if (isAnswered && latency <= patienceMs) latencies.push(latency);
    else failed++;
  };
  for (let next = 0; next < due.length && !signal.aborted;) {
    const now = performance.now() - begin;
    for (; next < due.length && due[next]! <= now; next++) {
      lags.push(performance.now() - begin - due[next]!);
      const one = come(due[next]!, next);
      open.add(one);
      void one.then(() => open.delete(one));
    }
    const rest = (due[next] ?? 0) - (performance.now() - begin);
    // A timer of 1 ms is late by up to another: the last of it is spent going round.
    await (rest > 1.5 ? sleep(rest - 1) : new Promise(setImmediate));
  }
  await Promise.all(open);
  signal.throwIfAborted();
  const lag = lags.length === 0 ? 0 : quantile(lags, 0.99);
  return {
    ...emptySample,
    throughput: served / seconds,
    // Little's law, of all who waited.
    concurrency: wait / (seconds * 1000),
    p50: latencies.length === 0 ? null : quantile(latencies, 0.5),
    p99: latencies.length === 0 ? null : quantile(latencies, 0.99),
    deviation: latencies.length === 0 ? null : deviation(latencies),
    errors: due.length === 0 ? 0 : failed / due.length,
    lag,
    invalid: reasonAgainst(due.length, latencies.length, lag),
  };
}

function reasonAgainst(asked: number, answered: number, lag: number): string | null {
  if (lag > mostLagMs) return `the generator was ${lag.toFixed(0)} ms late (99th percentile; ${mostLagMs} at most)`;
  return asked > 0 && answered === 0 ? "no request was answered" : null;
}

/** A client that does not know signals must not hold up the end. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("nobody waits any more")), { once: true });
  });
}

function dueTimes(rate: number, totalMs: number, next: () => number): number[] {
  const due: number[] = [];
  for (let at = 0; ;) {
    at -= (Math.log(1 - next()) * 1000) / rate;
    if (at >= totalMs) return due;
    due.push(at);
  }
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** From 0 to 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

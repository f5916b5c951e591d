import type { Recording } from "./scene.ts";
import { capacity } from "./timeline.ts";

/** What a recording shows. Shares are in [0, 1], times in ms; `null` where there is nothing to measure. */
export interface Findings {
  readonly name: string;
  readonly title: string;
  /** Answered in time during the overload, in times of what the database can serve. */
  readonly goodput: number | null;
  /** Of the answers in time during the overload. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Of the users during the overload: those refused, and how soon they knew. */
  readonly shed: number | null;
  readonly refusalP99: number | null;
  /** From the end of the overload until users fare well again. `Infinity`: not before the fault. */
  readonly recoveredAfterOverload: number | null;
  readonly recoveredAfterFault: number | null;
  /** Orders the service received for each user. */
  readonly attempts: number | null;
  readonly mostInflight: number;
  /** Of the service's memory, in bytes. */
  readonly mostRss: number;
  /** The generator's own lag, 99th percentile: above 10 ms the figures are those of a busy machine. */
  readonly lag: number;
}

/** A second of users of whom at least this share fared well is a good one. */
const goodShare = 0.95;
const step = 500;

export function findingsOf(recording: Recording): Findings {
  const { fates, gauges, plan, protection, lag } = recording;
  const ends: number[] = [];
  for (const { seconds } of plan) ends.push((ends.at(-1) ?? 0) + seconds * 1000);
  const [calm = 0, overload = 0, after = 0, fault = 0, end = 0] = ends;
  // The first quarter of the overload is left out: queues fill, limits move.
  const from = calm + (overload - calm) / 4;
  const during = fates.filter(([at]) => at >= from && at < overload);
  const good = during.filter(([, fate]) => fate === "good").map(([, , latency]) => latency);
  const refused = during.filter(([, fate]) => fate === "shed").map(([, , latency]) => latency);
  return {
    name: protection.name,
    title: protection.title,
    goodput: during.length === 0 ? null : good.length / (((overload - from) / 1000) * capacity),
    p50: percentile(good, 0.5),
    p99: percentile(good, 0.99),
    shed: during.length === 0 ? null : refused.length / during.length,
    refusalP99: percentile(refused, 0.99),
    recoveredAfterOverload: recovery(recording, overload, after),
    recoveredAfterFault: recovery(recording, fault, end),
    attempts: fates.length === 0 ? null : (gauges.at(-1)?.received ?? 0) / fates.length,
    mostInflight: Math.max(0, ...gauges.map(({ inflight }) => inflight)),
    mostRss: Math.max(0, ...gauges.map(({ rss }) => rss)),
    lag,
  };
}

/** How long after `from` the first half second began from which on users fare well for a second. */
function recovery({ fates }: Recording, from: number, until: number): number | null {
  const shares: number[] = [];
  for (let at = from; at + step <= until + 1; at += step) {
    const there = fates.filter(([came]) => came >= at && came < at + step);
    shares.push(there.filter(([, fate]) => fate === "good").length / there.length);
  }
  if (shares.length < 2 || shares.some(Number.isNaN)) return null;
  const first = shares.findIndex((share, index) => share >= goodShare && (shares[index + 1] ?? 1) >= goodShare);
  return first === -1 ? Number.POSITIVE_INFINITY : first * step;
}

export function percentile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

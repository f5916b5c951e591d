import { Channel } from "../concurrency/channel.ts";
import { Semaphore } from "../concurrency/semaphore.ts";
import { ReentrantSemaphore } from "../concurrency/reentrant-semaphore.ts";
import { CircuitBreaker } from "../overload/circuit-breaker.ts";
import { isObject, read as property } from "../overload/inspection.ts";
import { Keyed } from "../overload/keyed.ts";
import { Limiter } from "../overload/limiter.ts";
import { Pipeline } from "../overload/pipeline.ts";
import { RetryBudget } from "../overload/retry-budget.ts";
import { FileHandles } from "../throttle/file-handles.ts";
import { KeyedQuota } from "../throttle/keyed-quota.ts";
import { Pool } from "../throttle/pool.ts";
import { Quota } from "../throttle/quota.ts";
import * as described from "./descriptions.ts";
import type { Metric } from "./metric.ts";

/** Takes a value; `extra` is that of the label which is neither the kind nor the name. @internal */
export type Put = (metric: Metric, value: number, extra?: string) => void;

/** How one kind of piece is read. Its counters come in the same order each time. @internal */
export interface Reading {
  readonly kind: string;
  read(piece: object, put: Put): void;
}

/** A semaphore or quota of several processes, as this process knows it. */
interface LeaseSemaphoreLike {
  readonly permits: number;
  readonly held: number;
  readonly pending: number;
  readonly lost: number;
}

interface SharedQuotaLike {
  readonly queued: number;
}

function reading<T extends object>(kind: string, read: (piece: T, put: Put) => void): Reading {
  return { kind, read: (piece, put) => read(piece as T, put) };
}

const milliseconds = 1000;

const readings: readonly (readonly [abstract new (...args: never[]) => object, Reading])[] = [
  [
    Limiter,
    reading<Limiter>("limiter", (limiter, put) => {
      const { limit, inflight, queued, accepted, dropped, shed } = limiter.inspect();
      put(described.capacity, limit);
      put(described.held, inflight);
      put(described.pending, queued);
      put(described.limiterLimit, limit);
      put(described.limiterAdmitted, accepted);
      put(described.limiterDropped, dropped);
      put(described.rejections, shed.limit, "limit");
      put(described.rejections, shed.priority, "priority");
      put(described.rejections, shed.wait, "wait");
    }),
  ],
  [
    CircuitBreaker,
    reading<CircuitBreaker>("breaker", (breaker, put) => {
      const { state, opened, refused } = breaker.inspect();
      for (const each of ["closed", "half-open", "open"]) put(described.breakerState, each === state ? 1 : 0, each);
      put(described.breakerOpened, opened);
      put(described.rejections, refused, "open");
    }),
  ],
  [
    RetryBudget,
    reading<RetryBudget>("retry-budget", (budget, put) => {
      const { balance, withdrawn, refused } = budget.inspect();
      put(described.budgetBalance, balance);
      put(described.budgetWithdrawn, withdrawn);
      put(described.rejections, refused, "budget");
    }),
  ],
  [
    Semaphore,
    reading<Semaphore>("semaphore", (semaphore, put) => {
      put(described.capacity, semaphore.permits);
      put(described.held, semaphore.held);
      put(described.pending, semaphore.pending);
    }),
  ],
  [
    Channel,
    reading<Channel<unknown>>("channel", ({ capacity, size, senders, receivers }, put) => {
      put(described.capacity, capacity);
      put(described.held, size);
      put(described.pending, senders.size + receivers.size);
    }),
  ],
  [
    Pool,
    reading<Pool<unknown>>("pool", (pool, put) => {
      const inspection = pool.inspect();
      put(described.capacity, inspection.max);
      put(described.held, inspection.held);
      put(described.pending, inspection.pending);
      put(described.rejections, inspection.refused, "limit");
      for (const state of ["idle", "held", "creating", "validating", "destroying"] as const) {
        put(described.poolResources, inspection[state], state);
      }
      put(described.poolCreated, inspection.created);
      put(described.poolCreateFailures, inspection.createFailures);
      put(described.poolBroken, inspection.broken);
      put(described.poolLeaks, inspection.leaks);
      put(described.poolLongestHeld, inspection.longestHeld / milliseconds);
    }),
  ],
  [
    Quota,
    reading<Quota>("quota", (quota, put) => {
      const { limits, queued, pausedFor, server, refused } = quota.inspect();
      put(described.pending, queued);
      put(described.rejections, refused, "limit");
      put(described.quotaAvailable, Math.min(...limits.map(({ available }) => available)));
      put(described.quotaPaused, pausedFor / milliseconds);
      if (server !== undefined) put(described.quotaServerRemaining, server.remaining);
    }),
  ],
  [
    KeyedQuota,
    reading<KeyedQuota>("keyed-quota", (quota, put) => {
      const { keys, maxKeys, refusedForRoom } = quota.inspect();
      put(described.keyedQuotaKeys, keys);
      put(described.keyedQuotaMaxKeys, maxKeys);
      put(described.rejections, refusedForRoom, "room");
    }),
  ],
  [
    FileHandles,
    reading<FileHandles>("file-handles", (handles, put) => {
      const { limit, held, queued, pausedFor, exhausted, refused } = handles.inspect();
      put(described.capacity, limit);
      put(described.held, held);
      put(described.pending, queued);
      put(described.rejections, refused, "limit");
      put(described.fileHandlesExhausted, exhausted);
      put(described.fileHandlesPaused, pausedFor / milliseconds);
    }),
  ],
];

const leaseSemaphore = reading<LeaseSemaphoreLike>("semaphore", ({ permits, held, pending, lost }, put) => {
  put(described.capacity, permits);
  put(described.held, held);
  put(described.pending, pending);
  put(described.leasesLost, lost);
});

const sharedQuota = reading<SharedQuotaLike>("quota", ({ queued }, put) => put(described.pending, queued));

/** What is read of `piece`: of one that is nothing but a cover, what is below. @internal */
export function coveredBy(piece: object): object {
  return piece instanceof ReentrantSemaphore ? piece.semaphore : piece;
}

/** How `piece` is read; `undefined`: it is nothing that has values of its own. @internal */
export function readingOf(piece: object): Reading | undefined {
  const found = readings.find(([Class]) => piece instanceof Class);
  if (found !== undefined) return found[1];
  // Those of the adapters, which nothing but adapters may import.
  if (typeof property(piece, "tryPermit") !== "function") return undefined;
  if (typeof property(piece, "releaseHolder") === "function") return leaseSemaphore;
  return typeof property(piece, "queued") === "number" ? sharedQuota : undefined;
}

/** Of a resource that was made before somebody watched. @internal */
export function kindOf(resource: object): string {
  return readingOf(resource)?.kind ?? "other";
}

/** @internal */
export function nameOf(piece: object): string | undefined {
  const name = property(piece, "name");
  return typeof name === "string" ? name : undefined;
}

/** The pieces that `piece` puts together, as they are now; `undefined`: it is no such thing. @internal */
export function partsOf(piece: object): readonly object[] | undefined {
  if (piece instanceof Pipeline) return sharesOf(piece);
  const isKeyed = piece instanceof Keyed || typeof property(piece, "peek") === "function";
  if (!isKeyed || typeof property(piece, "entries") !== "function") {
    const shares = sharesOf(piece);
    return shares.length === 0 ? undefined : shares;
  }
  const entries = [...(piece as Keyed<unknown>).entries()];
  return entries.flatMap(([, value]) => {
    if (!isObject(value)) return [];
    return readingOf(value) === undefined ? sharesOf(value) : [value];
  });
}

/** Of a pipeline, or of what protects one origin. */
function sharesOf(piece: object): readonly object[] {
  const shares = ["limiter", "breaker", "budget"].map((key) => property(piece, key));
  return shares.filter((share) => isObject(share) && readingOf(share) !== undefined) as object[];
}

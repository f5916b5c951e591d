import { CircuitBreaker, Channel, fixed, Group, Limiter, Pipeline, RetryBudget, Semaphore } from "snowshed";
import { disable, enable } from "snowshed/diagnostics";
import type { Monitor } from "snowshed/diagnostics";
import type { Metrics } from "snowshed/prometheus";
import { FileHandles, KeyedQuota, Pool, Quota } from "snowshed/throttle";
import { FakeClock } from "snowshed/testing";

/** Names that try what an exposition has to escape. */
export const hostileNames = [
  'quote"',
  "back\\slash",
  "new\nline",
  "}{,=",
  "\u{1F328} näme",
  "le",
  "\u2028\r\t",
  "\\n",
  '\\"',
];

/**
 * One of everything, in use and added to `metrics`, which watch a monitor: so that each metric has a value. What it returns
 * keeps the pieces alive, and ends the watching.
 */
export async function measuredPieces(
  metrics: Metrics,
): Promise<{ readonly pieces: readonly object[]; end(): Promise<void> }> {
  const clock = new FakeClock();
  const monitor: Monitor = enable("production", { eventLoopBlocked: Number.POSITIVE_INFINITY });
  metrics.watch(monitor);
  const limits = [{ requests: 1, per: "1s" }] as const;
  const pool = new Pool({ create: () => ({}), onLeak: () => {}, name: "database", clock });
  const breaker = new CircuitBreaker({ name: "bills", clock });
  breaker.open();
  const quota = new Quota({ limits, name: "mails", clock });
  quota.observe({
    status: 429,
    headers: { "retry-after": "2", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "9" },
  });
  const handles = new FileHandles({ limit: 2, name: "reports", clock });
  let attempts = 0;
  await handles.run(() => {
    if (attempts++ === 0) {
      setImmediate(() => void clock.advance("1s"));
      throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
    }
  });
  const leases = { name: "exports", permits: 5, held: 2, pending: 1, lost: 1, tryPermit() {}, releaseHolder() {} };
  const semaphore = new Semaphore(1, { name: "files" });
  const group = new Group({ name: "requests", failFast: false });
  const limiters = hostileNames.map((name) => new Limiter({ algorithm: fixed(2), name }));
  for (const limiter of limiters) limiter.tryAcquire();
  const unbounded = new Channel<number>(Number.POSITIVE_INFINITY, { name: "unbounded" });
  const pieces: readonly object[] = [
    ...limiters,
    breaker,
    new RetryBudget({ clock }),
    new Pipeline({ limiter: { algorithm: fixed(1), name: "api" }, retry: 2 }),
    pool,
    quota,
    new KeyedQuota({ limits, name: "tenants", clock }),
    handles,
    leases,
    unbounded,
  ];
  for (const piece of pieces) metrics.add(piece);
  await semaphore.acquire();
  for (const task of ["task-that-is-no-label-1", "task-that-is-no-label-2"]) {
    group.go(() => semaphore.run(() => {}), { name: task });
  }
  const refused = semaphore.acquire(1, { timeout: "2ms" }).catch(() => {});
  group.go(() => Promise.reject(new Error("it failed")), { name: "task-that-is-no-label-3" });
  await refused;
  semaphore.release();
  await group.wait().catch(() => {});
  await pool.permit();
  return {
    pieces: [...pieces, semaphore, group],
    async end() {
      disable();
      await pool.close({ timeout: 0 }).catch(() => {});
    },
  };
}

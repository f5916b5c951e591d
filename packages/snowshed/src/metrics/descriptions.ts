import type { Metric, MetricLabel } from "./metric.ts";

type Form = "gauge" | "counter" | "longest" | "histogram";

function metric(form: Form, name: string, unit: string, labels: readonly MetricLabel[], help: string): Metric {
  const type = form === "longest" ? "gauge" : form;
  return { name: `snowshed.${name}`, type, unit, help, labels, merge: form === "longest" ? "max" : "sum" };
}

const one: readonly MetricLabel[] = ["name"];
const both: readonly MetricLabel[] = ["kind", "name"];

// Of tasks and waits: known to a monitor only.

/** @internal */
export const tasksLive: Metric = metric(
  "gauge",
  "tasks.live",
  "{task}",
  ["group"],
  "Tasks that were accepted and have not ended.",
);
/** @internal */
export const tasksStarted: Metric = metric(
  "counter",
  "tasks.started",
  "{task}",
  ["group"],
  "Tasks whose body has begun.",
);
/** @internal */
export const tasksEnded: Metric = metric(
  "counter",
  "tasks.ended",
  "{task}",
  ["group", "outcome"],
  "Tasks that have ended: fulfilled, rejected, or skipped without having begun.",
);
/** @internal */
export const leakedTasks: Metric = metric(
  "counter",
  "leaked_tasks",
  "{task}",
  [],
  "Tasks of which it was found that they can never end.",
);
/** @internal */
export const deadlocks: Metric = metric(
  "gauge",
  "deadlocks",
  "{deadlock}",
  [],
  "Deadlocks that are there now, certain and suspected.",
);
/** @internal */
export const waits: Metric = metric(
  "histogram",
  "wait",
  "s",
  ["kind", "name", "outcome"],
  "How long callers waited for a resource until it was granted, or until they gave up or were refused.",
);

// Of every resource.

/** @internal */
export const capacity: Metric = metric(
  "gauge",
  "resource.capacity",
  "{unit}",
  both,
  "How many units of a resource there are; of a limiter, what its limit is now.",
);
/** @internal */
export const held: Metric = metric("gauge", "resource.held", "{unit}", both, "Units of a resource in use.");
/** @internal */
export const pending: Metric = metric(
  "gauge",
  "resource.pending",
  "{caller}",
  both,
  "Callers that wait for a resource.",
);
/** @internal */
export const rejections: Metric = metric(
  "counter",
  "rejections",
  "{call}",
  ["kind", "name", "reason"],
  "Calls that were refused so that the others can be served.",
);

// Of one kind each.

/** @internal */
export const limiterLimit: Metric = metric(
  "gauge",
  "limiter.limit",
  "{call}",
  one,
  "How many a limiter lets run at once now.",
);
/** @internal */
export const limiterAdmitted: Metric = metric(
  "counter",
  "limiter.admitted",
  "{call}",
  one,
  "Calls a limiter has admitted.",
);
/** @internal */
export const limiterDropped: Metric = metric(
  "counter",
  "limiter.dropped",
  "{call}",
  one,
  "Admitted calls that ended in an overload or a timeout.",
);
/** @internal */
export const breakerState: Metric = metric(
  "gauge",
  "breaker.state",
  "{breaker}",
  ["name", "state"],
  "How many circuit breakers of the name are closed, half-open, open.",
);
/** @internal */
export const breakerOpened: Metric = metric(
  "counter",
  "breaker.opened",
  "{opening}",
  one,
  "How often a circuit breaker has opened.",
);
/** @internal */
export const budgetBalance: Metric = metric(
  "gauge",
  "retry_budget.balance",
  "{attempt}",
  one,
  "Extra attempts that a retry budget would give now.",
);
/** @internal */
export const budgetWithdrawn: Metric = metric(
  "counter",
  "retry_budget.withdrawn",
  "{attempt}",
  one,
  "Extra attempts that a retry budget has given.",
);
/** @internal */
export const poolResources: Metric = metric(
  "gauge",
  "pool.resources",
  "{resource}",
  ["name", "state"],
  "Resources of a pool, by what is done with them.",
);
/** @internal */
export const poolCreated: Metric = metric("counter", "pool.created", "{resource}", one, "Resources a pool has made.");
/** @internal */
export const poolCreateFailures: Metric = metric(
  "counter",
  "pool.create_failures",
  "{attempt}",
  one,
  "Failed attempts of a pool to make a resource.",
);
/** @internal */
export const poolBroken: Metric = metric(
  "counter",
  "pool.broken",
  "{resource}",
  one,
  "Resources a pool has given up as broken or not valid.",
);
/** @internal */
export const poolLeaks: Metric = metric(
  "counter",
  "pool.leaks",
  "{resource}",
  one,
  "Resources of a pool that were held for longer than its leak threshold, or forgotten.",
);
/** @internal */
export const poolLongestHeld: Metric = metric(
  "longest",
  "pool.longest_held",
  "s",
  one,
  "For how long the resource has been held that has been held the longest.",
);
/** @internal */
export const quotaAvailable: Metric = metric(
  "gauge",
  "quota.available",
  "{unit}",
  one,
  "Units of a quota that could go at once now, by the strictest of its limits.",
);
/** @internal */
export const quotaServerRemaining: Metric = metric(
  "gauge",
  "quota.server_remaining",
  "{unit}",
  one,
  "What is left of the window of the service, as it said last; absent while it has said nothing.",
);
/** @internal */
export const quotaPaused: Metric = metric(
  "longest",
  "quota.paused",
  "s",
  one,
  "How long nobody goes because the service asked for a pause.",
);
/** @internal */
export const keyedQuotaKeys: Metric = metric(
  "gauge",
  "keyed_quota.keys",
  "{key}",
  one,
  "Keys a keyed quota remembers.",
);
/** @internal */
export const keyedQuotaMaxKeys: Metric = metric(
  "gauge",
  "keyed_quota.max_keys",
  "{key}",
  one,
  "Keys a keyed quota may remember.",
);
/** @internal */
export const fileHandlesExhausted: Metric = metric(
  "counter",
  "file_handles.exhausted",
  "{attempt}",
  one,
  "Attempts to open a file that found no descriptor.",
);
/** @internal */
export const fileHandlesPaused: Metric = metric(
  "longest",
  "file_handles.paused",
  "s",
  one,
  "How long nobody opens a file because descriptors had run out.",
);
/** @internal */
export const leasesLost: Metric = metric(
  "counter",
  "leases.lost",
  "{lease}",
  one,
  "Leases of shared semaphores that ended under their holders in this process.",
);

/** @internal */
export const collectErrors: Metric = metric(
  "counter",
  "metrics.errors",
  "{error}",
  [],
  "How often the values of an object could not be read, or were no numbers.",
);

/** All, in the order in which they are given. @internal */
export const allMetrics: readonly Metric[] = [
  tasksLive,
  tasksStarted,
  tasksEnded,
  leakedTasks,
  deadlocks,
  waits,
  capacity,
  held,
  pending,
  rejections,
  limiterLimit,
  limiterAdmitted,
  limiterDropped,
  breakerState,
  breakerOpened,
  budgetBalance,
  budgetWithdrawn,
  poolResources,
  poolCreated,
  poolCreateFailures,
  poolBroken,
  poolLeaks,
  poolLongestHeld,
  quotaAvailable,
  quotaServerRemaining,
  quotaPaused,
  keyedQuotaKeys,
  keyedQuotaMaxKeys,
  fileHandlesExhausted,
  fileHandlesPaused,
  leasesLost,
  collectErrors,
];

import { ours } from "../ours.mjs";

const body = async () => {};

const loop = (run) => async (operations) => {
  for (let index = 0; index < operations; index++) await run(body);
};

const snowshed = (options) => async () => {
  const { pipeline } = await ours("pipeline");
  const guarded = pipeline(options);
  return loop((task) => guarded.run(task));
};

const cockatiel = (bulkheads) => async () => {
  const { bulkhead, circuitBreaker, handleAll, retry, SamplingBreaker, timeout, TimeoutStrategy, wrap } =
    await import("cockatiel");
  const breaker = new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 });
  const policies = [
    retry(handleAll, { maxAttempts: 2 }),
    circuitBreaker(handleAll, { halfOpenAfter: 5000, breaker }),
    ...(bulkheads ? [bulkhead(100)] : []),
    timeout(3000, TimeoutStrategy.Cooperative),
  ];
  const policy = wrap(...policies);
  return loop((task) => policy.execute(task));
};

export const row = {
  name: "pipeline",
  title: "a call that succeeds, behind all its protection",
  unit: "ns/op",
  operations: 100_000,
  memory: true,
  what: `One caller, in an async loop: an empty async function behind the pieces named, each with its defaults (timeout
3 s, deadline 8 s). The floor is the bare call. cockatiel's wrap has the same pieces: retry, a sampling breaker over 10 s,
a bulkhead where ours has a limiter, a cooperative timeout.`,
  contenders: [
    { id: "await fn()", role: "floor", setup: () => loop((task) => task()) },
    {
      id: "snowshed retry+breaker+limiter+timeout",
      role: "ours",
      setup: snowshed({ retry: 3, breaker: {}, limiter: {}, timeout: "3s" }),
    },
    {
      id: "snowshed limiter+breaker+budget",
      role: "ours",
      setup: async () => {
        const { pipeline, RetryBudget } = await ours("pipeline", "RetryBudget");
        const guarded = pipeline({ retry: 3, budget: new RetryBudget(), breaker: {}, limiter: {} });
        return loop((task) => guarded.run(task));
      },
    },
    {
      id: "snowshed deadline+retry+breaker+limiter+timeout",
      role: "variant",
      setup: snowshed({ deadline: "8s", retry: 3, breaker: {}, limiter: {}, timeout: "3s" }),
    },
    { id: "snowshed, no piece", role: "variant", setup: snowshed({}) },
    { id: "cockatiel retry+breaker+bulkhead+timeout", role: "peer", operations: 10_000, setup: cockatiel(true) },
    { id: "cockatiel retry+breaker+timeout", role: "variant", operations: 10_000, setup: cockatiel(false) },
  ],
  targets: [
    {
      text: "less than 300 ns over the bare call: limiter+breaker+budget",
      ours: "snowshed limiter+breaker+budget",
      marks: ["await fn()"],
      moreBy: 300,
    },
    {
      text: "less than 600 ns over the bare call: retry+breaker+timeout+limiter",
      ours: "snowshed retry+breaker+limiter+timeout",
      marks: ["await fn()"],
      moreBy: 600,
    },
    {
      text: "≥ 10× faster than cockatiel's same wrap",
      ours: "snowshed retry+breaker+limiter+timeout",
      marks: ["cockatiel retry+breaker+bulkhead+timeout"],
      times: 10,
    },
  ],
};

import { ours } from "../ours.mjs";

// The time is a whole number, and a variable of the loop: else each step makes a number object of it, which is no doing of
// the windows.

/** Of ten outcomes one is a failure; after each, what the window holds is read, as a breaker does. */
const throughWindow = (make) => async () => {
  const window = await make();
  let start = 0;
  return (operations) => {
    let at = start;
    for (let index = 0; index < operations; index++) {
      if (index % 10 === 0) at++; // 10,000 calls a second
      window.record(index % 10 === 0, at);
      if (window.failures(at) > window.total(at)) throw new Error("more failures than outcomes");
    }
    start = at;
  };
};

/** The breakers of cockatiel keep their window to themselves, and read the system's clock for each outcome. */
const throughCockatiel = (make) => async () => {
  const { CircuitState, ...cockatiel } = await import("cockatiel");
  const breaker = make(cockatiel);
  return (operations) => {
    for (let index = 0; index < operations; index++) {
      if (index % 10 !== 0) breaker.success(CircuitState.Closed);
      else if (breaker.failure(CircuitState.Closed)) throw new Error("opened at one failure in ten");
    }
  };
};

const countWindow = async () => new (await ours("CountWindow")).CountWindow(100);
const timeWindow = async () => new (await ours("TimeWindow")).TimeWindow();

export const row = {
  name: "windows",
  title: "outcome windows: record and read",
  unit: "ns/op",
  operations: 2_000_000,
  allocationOperations: 500_000,
  memory: true,
  what: `One outcome is recorded, one in ten a failure, and what the window holds is read. Ours are given the time, which
moves on by 1 ms every ten; "with the clock" reads \`performance.now()\` for each, as cockatiel's breakers read \`Date.now()\`
(its SamplingBreaker has 10 slices of 1 s here, too; both read the window at failures only). "enter + leave" is the
admission of a closed CircuitBreaker, "deposit + withdraw" a RetryBudget that gives one in ten. The mark is two bare counters.`,
  contenders: [
    { id: "CountWindow, last 100", role: "ours", setup: throughWindow(countWindow) },
    { id: "TimeWindow, 10 s in 10", role: "ours", setup: throughWindow(timeWindow) },
    {
      id: "TimeWindow with the clock",
      role: "variant",
      async setup() {
        const window = await timeWindow();
        return (operations) => {
          for (let index = 0; index < operations; index++) {
            const at = performance.now();
            window.record(index % 10 === 0, at);
            if (window.failures(at) > window.total(at)) throw new Error("more failures than outcomes");
          }
        };
      },
    },
    {
      id: "CircuitBreaker enter + leave",
      role: "ours",
      async setup() {
        const { CircuitBreaker } = await ours("CircuitBreaker");
        const breaker = new CircuitBreaker();
        let start = 0;
        return (operations) => {
          let at = start;
          for (let index = 0; index < operations; index++) {
            if (index % 10 === 0) at++;
            const epoch = breaker.enter(at);
            if (epoch === -1) throw new Error("opened at one failure in ten");
            breaker.leave(epoch, index % 10 === 0 ? "transient" : "ok", at);
          }
          start = at;
        };
      },
    },
    {
      id: "RetryBudget deposit + withdraw",
      role: "ours",
      async setup() {
        const { RetryBudget } = await ours("RetryBudget");
        const budget = new RetryBudget();
        let start = 0;
        return (operations) => {
          let at = start;
          let given = 0;
          for (let index = 0; index < operations; index++) {
            if (index % 10 === 0) at++;
            budget.depositAt(at);
            if (budget.tryWithdrawAt(at)) given++;
          }
          start = at;
          if (given > operations / 9) throw new Error("gave more than a tenth");
        };
      },
    },
    {
      id: "two bare counters",
      role: "floor",
      setup: throughWindow(async () => ({
        all: 0,
        failed: 0,
        record(failed) {
          this.all++;
          if (failed) this.failed++;
        },
        total() {
          return this.all;
        },
        failures() {
          return this.failed;
        },
      })),
    },
    {
      id: "cockatiel CountBreaker, last 100",
      role: "peer",
      setup: throughCockatiel(({ CountBreaker }) => new CountBreaker({ threshold: 0.5, size: 100 })),
    },
    {
      id: "cockatiel SamplingBreaker, 10 s",
      role: "peer",
      setup: throughCockatiel(({ SamplingBreaker }) => new SamplingBreaker({ threshold: 0.5, duration: 10_000 })),
    },
  ],
  targets: [
    ...[
      "CountWindow, last 100",
      "TimeWindow, 10 s in 10",
      "CircuitBreaker enter + leave",
      "RetryBudget deposit + withdraw",
    ].map((id) => ({
      text: `${id}: allocates nothing`,
      ours: id,
      metric: "bytes",
      atMost: 0,
    })),
    {
      text: "TimeWindow no dearer than SamplingBreaker",
      ours: "TimeWindow, 10 s in 10",
      marks: ["cockatiel SamplingBreaker, 10 s"],
      atMost: 1,
    },
    {
      text: "CircuitBreaker enter + leave ≤ 100 ns",
      ours: "CircuitBreaker enter + leave",
      atMost: 100,
    },
  ],
};

import { oursOf } from "../ours.mjs";

// A quota that is never exhausted: what is measured is counting, not waiting.
const plenty = 1_000_000_000;

const body = async () => {};

async function quota() {
  const { Quota } = await oursOf("throttle", "Quota");
  return new Quota({ limits: [{ requests: plenty, per: "1s", burst: plenty }] });
}

const calls = (call) => async (operations) => {
  for (let index = 0; index < operations; index++) await call();
};

export const row = {
  name: "quota",
  title: "a quota that is not exhausted",
  unit: "ns/op",
  operations: 100_000,
  memory: true,
  what: `One caller in a loop: one unit of a quota of 10^9 a second is spent. "try" asks without waiting, "permit" awaits it, "run"
has the quota run an empty async function. Each peer by the call that it has: \`tryRemoveTokens\` of limiter, \`consume\` of
rate-limiter-flexible in memory, \`schedule\` of bottleneck with a reservoir.`,
  contenders: [
    {
      id: "snowshed tryPermit",
      role: "ours",
      async setup() {
        const ours = await quota();
        return (operations) => {
          for (let index = 0; index < operations; index++) {
            if (ours.tryPermit() === undefined) throw new Error("exhausted");
          }
        };
      },
    },
    {
      id: "snowshed permit",
      role: "ours",
      async setup() {
        const ours = await quota();
        return calls(() => ours.permit());
      },
    },
    {
      id: "snowshed run",
      role: "ours",
      async setup() {
        const ours = await quota();
        return calls(() => ours.run(body));
      },
    },
    {
      id: "limiter tryRemoveTokens",
      role: "peer",
      async setup() {
        const { RateLimiter } = await import("limiter");
        const limiter = new RateLimiter({ tokensPerInterval: plenty, interval: "second" });
        return (operations) => {
          for (let index = 0; index < operations; index++) {
            if (!limiter.tryRemoveTokens(1)) throw new Error("exhausted");
          }
        };
      },
    },
    {
      id: "rate-limiter-flexible consume",
      role: "peer",
      async setup() {
        const { RateLimiterMemory } = await import("rate-limiter-flexible");
        const limiter = new RateLimiterMemory({ points: plenty, duration: 1 });
        return calls(() => limiter.consume("one"));
      },
    },
    {
      id: "bottleneck schedule",
      role: "peer",
      operations: 100,
      rounds: 1,
      memory: false,
      async setup() {
        const { default: Bottleneck } = await import("bottleneck");
        const limiter = new Bottleneck({ reservoir: plenty });
        return calls(() => limiter.schedule(body));
      },
    },
  ],
  targets: [
    { text: "faster than limiter", ours: "snowshed tryPermit", marks: ["limiter tryRemoveTokens"], atMost: 1 },
    {
      text: "faster than rate-limiter-flexible",
      ours: "snowshed permit",
      marks: ["rate-limiter-flexible consume"],
      atMost: 1,
    },
    { text: "faster than bottleneck", ours: "snowshed run", marks: ["bottleneck schedule"], atMost: 1 },
  ],
};

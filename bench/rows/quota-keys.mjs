import { oursOf } from "../ours.mjs";

// A million keys, each asked for once, then all of them again. None of them is refused, and none is forgotten meanwhile.
const points = 100;
const per = "1h";

const keysOf = (size) => Array.from({ length: size }, (_, index) => `tenant-${index}`);

/** `begin()` gives the function that spends one unit of a key; what it returns is awaited if it is a promise. */
const spending = (begin) => async () => {
  const spend = await begin();
  return async (size, lap) => {
    const [keys, spendOne] = [keysOf(size), spend(size)];
    lap("keys");
    await spendOne(keys);
    lap("submit");
    await spendOne(keys);
    lap("again");
  };
};

const sizes = [1_000_000];

export const row = {
  name: "quota-keys",
  title: "a quota for each of many keys",
  unit: "ms",
  kind: "phases",
  memory: true,
  rounds: 1,
  sizes,
  what: `One unit of each of a million keys is spent ("submit"), and then one of each again ("again"): 1 ms of a phase is 1 ns a
call. "keys" makes the texts of the keys, which "held" has in it: 32 bytes each. "held" is what a key keeps alive on the
heap; the typed arrays of KeyedQuota are outside of it, 12 bytes for each key, and for a moment half as much again while they
grow. rate-limiter-flexible sets a timer for each key.`,
  contenders: [
    {
      id: "snowshed KeyedQuota tryPermit",
      role: "ours",
      setup: spending(async () => {
        const { KeyedQuota } = await oursOf("throttle", "KeyedQuota");
        return (size) => {
          const quota = new KeyedQuota({ limits: [{ requests: points, per, burst: points }], maxKeys: size });
          return (keys) => {
            for (const key of keys) if (quota.tryPermit(key) === undefined) throw new Error("refused");
          };
        };
      }),
    },
    {
      id: "snowshed Quota in a Map",
      role: "variant",
      setup: spending(async () => {
        const { Quota } = await oursOf("throttle", "Quota");
        return () => {
          const quotas = new Map();
          return (keys) => {
            for (const key of keys) {
              let quota = quotas.get(key);
              if (quota === undefined) {
                quota = new Quota({ limits: [{ requests: points, per, burst: points }] });
                quotas.set(key, quota);
              }
              if (quota.tryPermit() === undefined) throw new Error("refused");
            }
          };
        };
      }),
    },
    {
      id: "rate-limiter-flexible RateLimiterMemory consume",
      role: "peer",
      setup: spending(async () => {
        const { RateLimiterMemory } = await import("rate-limiter-flexible");
        return () => {
          const limiter = new RateLimiterMemory({ points, duration: 3600 });
          return async (keys) => {
            for (const key of keys) await limiter.consume(key);
          };
        };
      }),
    },
  ],
  targets: [
    {
      text: "faster than rate-limiter-flexible",
      ours: "snowshed KeyedQuota tryPermit",
      size: 1_000_000,
      marks: ["rate-limiter-flexible RateLimiterMemory consume"],
      atMost: 1,
    },
    {
      text: "at most 128 B",
      ours: "snowshed KeyedQuota tryPermit",
      size: 1_000_000,
      metric: "bytes",
      atMost: 128,
    },
  ],
};

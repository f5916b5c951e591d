import { ours } from "../ours.mjs";
import { bottleneck, limiters } from "../peers.mjs";

const body = async () => {};

const loop = (run) => async (operations) => {
  for (let index = 0; index < operations; index++) await run(body);
};

const peers = Object.entries(limiters).map(([id, limiter]) => ({
  id,
  role: "peer",
  setup: async () => loop(await limiter(10)),
}));

export const row = {
  name: "run",
  title: "run(fn), uncontended",
  unit: "ns/op",
  operations: 200_000,
  memory: true,
  what: `One caller, 10 permits, in an async loop: \`await semaphore.run(fn)\` where \`fn\` is an empty async function, against
the call of each peer that takes a permit, runs a function and gives the permit back. The line "async-sema, written out"
is no call of a peer but what its user writes instead: acquire, try, await fn(), finally, release.`,
  contenders: [
    {
      id: "snowshed run",
      role: "ours",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(10);
        return async (operations) => {
          for (let index = 0; index < operations; index++) await semaphore.run(body);
        };
      },
    },
    { id: "await fn(), no semaphore", role: "floor", setup: () => loop((task) => task()) },
    {
      id: "async-sema, written out",
      role: "variant",
      async setup() {
        const { Sema } = await import("async-sema");
        const semaphore = new Sema(10);
        return loop(async (task) => {
          await semaphore.acquire();
          try {
            return await task();
          } finally {
            semaphore.release();
          }
        });
      },
    },
    ...peers,
    {
      id: "bottleneck",
      role: "peer",
      operations: 100,
      rounds: 1,
      memory: false,
      setup: async () => loop(await bottleneck(10)),
    },
  ],
  targets: [{ text: "at most 1.1× the fastest peer", ours: "snowshed run", marks: "peers", atMost: 1.1 }],
};

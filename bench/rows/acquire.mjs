// oxlint-disable unicorn/no-unnecessary-await -- an await that finds nothing to wait for is what is measured
import { ours } from "../ours.mjs";
import { effect } from "../peers.mjs";

export const row = {
  name: "acquire",
  title: "awaited uncontended acquire + release",
  unit: "ns/op",
  operations: 1_000_000,
  memory: true,
  what: `One caller on a semaphore of 10 permits, in an async loop: \`await semaphore.acquire(); semaphore.release()\`. The
mark is the cheapest bare \`await\` there is, of one promise that has been resolved before; \`await null\`, which makes a
promise each time, is beside it.`,
  contenders: [
    {
      id: "snowshed acquire",
      role: "ours",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(10);
        return async (operations) => {
          for (let index = 0; index < operations; index++) {
            await semaphore.acquire();
            semaphore.release();
          }
        };
      },
    },
    {
      id: "snowshed tryAcquire() || await acquire()",
      role: "variant",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(10);
        return async (operations) => {
          for (let index = 0; index < operations; index++) {
            if (!semaphore.tryAcquire()) await semaphore.acquire();
            semaphore.release();
          }
        };
      },
    },
    {
      id: "await of a resolved promise",
      role: "floor",
      setup() {
        const resolved = Promise.resolve();
        return async (operations) => {
          for (let index = 0; index < operations; index++) await resolved;
        };
      },
    },
    {
      id: "await null",
      role: "floor",
      setup() {
        return async (operations) => {
          for (let index = 0; index < operations; index++) await null;
        };
      },
    },
    {
      id: "async-sema",
      role: "peer",
      async setup() {
        const { Sema } = await import("async-sema");
        const semaphore = new Sema(10);
        return async (operations) => {
          for (let index = 0; index < operations; index++) {
            await semaphore.acquire();
            semaphore.release();
          }
        };
      },
    },
    {
      id: "async-mutex Semaphore",
      role: "peer",
      async setup() {
        const { Semaphore } = await import("async-mutex");
        const semaphore = new Semaphore(10);
        return async (operations) => {
          for (let index = 0; index < operations; index++) {
            const [, release] = await semaphore.acquire();
            release();
          }
        };
      },
    },
    {
      id: "Effect withPermit in one fiber",
      role: "peer",
      operations: 200_000,
      async setup() {
        const { Effect, Semaphore } = await effect();
        const semaphore = Semaphore.makeUnsafe(10);
        const once = semaphore.withPermit(Effect.void);
        return (operations) =>
          Effect.runPromise(Effect.forEach(Array.from({ length: operations }), () => once, { discard: true }));
      },
    },
  ],
  targets: [
    {
      text: "at most 1.15× a bare await",
      ours: "snowshed acquire",
      marks: ["await of a resolved promise"],
      atMost: 1.15,
    },
  ],
};

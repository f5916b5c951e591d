// oxlint-disable unicorn/no-unnecessary-await -- an await that finds nothing to wait for is what is measured
import { ours } from "../ours.mjs";
import { effect, limiters } from "../peers.mjs";

const workers = 8;
const permits = 3;
const body = async () => {
  await null;
};

/** `operation()` done `operations` times by 8 async workers between them. */
export function contend(operation) {
  return (operations) => {
    const share = Math.ceil(operations / workers);
    return Promise.all(Array.from({ length: workers }, () => operation(share)));
  };
}

export const running = (run) =>
  contend(async (share) => {
    for (let index = 0; index < share; index++) await run(body);
  });

/** snowshed's Semaphore with 8 workers over 3 permits: of this row, and of those that compare it with something else. */
export async function snowshedAcquire() {
  const { Semaphore } = await ours("Semaphore");
  const semaphore = new Semaphore(permits);
  return contend(async (share) => {
    for (let index = 0; index < share; index++) {
      await semaphore.acquire();
      await null;
      semaphore.release();
    }
  });
}

const peers = [
  {
    id: "async-sema",
    role: "peer",
    async setup() {
      const { Sema } = await import("async-sema");
      const semaphore = new Sema(permits);
      return contend(async (share) => {
        for (let index = 0; index < share; index++) {
          await semaphore.acquire();
          await null;
          semaphore.release();
        }
      });
    },
  },
  {
    id: "async-mutex Semaphore",
    role: "peer",
    async setup() {
      const { Semaphore } = await import("async-mutex");
      const semaphore = new Semaphore(permits);
      return contend(async (share) => {
        for (let index = 0; index < share; index++) {
          const [, release] = await semaphore.acquire();
          await null;
          release();
        }
      });
    },
  },
  ...["p-limit", "p-queue", "fastq.promise", "cockatiel bulkhead"].map((id) => ({
    id,
    role: "peer",
    setup: async () => running(await limiters[id](permits)),
  })),
  {
    id: "Effect Semaphore in 8 fibers",
    role: "peer",
    async setup() {
      const { Effect, Semaphore } = await effect();
      const semaphore = Semaphore.makeUnsafe(permits);
      const once = semaphore.withPermit(Effect.promise(body));
      const worker = (share) => Effect.forEach(Array.from({ length: share }), () => once, { discard: true });
      return contend((share) => Effect.runPromise(worker(share)));
    },
  },
];

export const row = {
  name: "contended",
  title: "8 workers over 3 permits",
  unit: "ns/op",
  sizes: [10_000, 1_000_000],
  memory: true,
  what: `Eight async workers share a semaphore of three permits; each takes a permit, does \`await null\`, gives it back and
begins anew, until 10,000 or 1,000,000 operations are done between them. The limiters without acquire run an async
function whose body is \`await null\`. The floor is the same eight workers with no semaphore.`,
  contenders: [
    { id: "snowshed acquire", role: "ours", setup: snowshedAcquire },
    {
      id: "no semaphore",
      role: "floor",
      setup: () =>
        contend(async (share) => {
          for (let index = 0; index < share; index++) await null;
        }),
    },
    {
      id: "snowshed tryAcquire() || await acquire()",
      role: "variant",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(permits);
        return contend(async (share) => {
          for (let index = 0; index < share; index++) {
            if (!semaphore.tryAcquire()) await semaphore.acquire();
            await null;
            semaphore.release();
          }
        });
      },
    },
    {
      id: "snowshed run",
      role: "variant",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(permits);
        return running((task) => semaphore.run(task));
      },
    },
    ...peers,
  ],
  targets: [10_000, 1_000_000].flatMap((size) => [
    { text: "faster than every peer", ours: "snowshed acquire", marks: "peers", size, below: 1 },
    { text: "at most 2.8× no semaphore", ours: "snowshed acquire", marks: ["no semaphore"], size, atMost: 2.8 },
  ]),
};

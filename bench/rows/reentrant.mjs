// oxlint-disable unicorn/no-unnecessary-await -- an await that finds nothing to wait for is what is measured
import { ours } from "../ours.mjs";
import { contend, running, snowshedAcquire } from "./contended.mjs";

const permits = 3;

async function reentrant() {
  const { ReentrantSemaphore } = await ours("ReentrantSemaphore");
  return new ReentrantSemaphore(permits);
}

/** The workers as contexts: each hands itself over as the owner. */
const owning = (semaphore, body) =>
  contend(async (share) => {
    const owner = {};
    for (let index = 0; index < share; index++) {
      await semaphore.acquire(1, { owner });
      if (body) await null;
      semaphore.release(1, { owner });
    }
  });

export const row = {
  name: "reentrant",
  title: "R11: Semaphore against ReentrantSemaphore",
  unit: "ns/op",
  operations: 10_000,
  memory: true,
  what: `Eight workers over three permits, 10,000 operations: the shape of the article's benchmark (Go there: 82 ns and 0 B
against 217 ns and 48 B, a factor of 2.6). With a body of \`await null\`, and with an empty one. The reentrant semaphore
knows its holder by \`{ owner }\`, or, with \`run\`, by AsyncLocalStorage. There is no target: the price is what is asked.`,
  contenders: [
    { id: "Semaphore acquire", role: "ours", setup: snowshedAcquire },
    { id: "ReentrantSemaphore acquire with owner", role: "ours", setup: async () => owning(await reentrant(), true) },
    {
      id: "Semaphore acquire, empty body",
      role: "variant",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(permits);
        return contend(async (share) => {
          for (let index = 0; index < share; index++) {
            await semaphore.acquire();
            semaphore.release();
          }
        });
      },
    },
    {
      id: "ReentrantSemaphore acquire with owner, empty body",
      role: "variant",
      setup: async () => owning(await reentrant(), false),
    },
    {
      id: "Semaphore run",
      role: "variant",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(permits);
        return running((task) => semaphore.run(task));
      },
    },
    {
      id: "ReentrantSemaphore run",
      role: "variant",
      async setup() {
        const semaphore = await reentrant();
        return running((task) => semaphore.run(task));
      },
    },
  ],
  targets: [
    {
      text: "reentrant with owner, in times of Semaphore (no target)",
      ours: "ReentrantSemaphore acquire with owner",
      marks: ["Semaphore acquire"],
    },
    {
      text: "reentrant run, in times of Semaphore run (no target)",
      ours: "ReentrantSemaphore run",
      marks: ["Semaphore run"],
    },
  ],
};

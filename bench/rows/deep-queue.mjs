// oxlint-disable unicorn/no-unnecessary-await -- an await that finds nothing to wait for is what is measured
import { ours } from "../ours.mjs";
import { effect, limiters, semaphores } from "../peers.mjs";

const permits = 10;

/** A promise that resolves when `count` calls of its `one` were made. */
function countdown(count) {
  let left = count;
  let done;
  const finished = new Promise((resolve) => (done = resolve));
  return { finished, one: () => --left === 0 && done() };
}

const throughSemaphore = (semaphore) => async (waiters, lap) => {
  const held = [];
  for (let index = 0; index < permits; index++) held.push(await semaphore.acquire());
  const { finished, one } = countdown(waiters);
  const granted = (permit) => {
    one();
    semaphore.release(permit);
  };
  for (let index = 0; index < waiters; index++) semaphore.acquire().then(granted);
  lap("submit");
  for (const permit of held) semaphore.release(permit);
  await finished;
  lap("drain");
};

const throughLimiter = (run) => async (waiters, lap) => {
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  for (let index = 0; index < permits; index++) run(() => gate);
  await new Promise(setImmediate);
  const { finished, one } = countdown(waiters);
  const task = async () => {};
  for (let index = 0; index < waiters; index++) run(task).then(one);
  await null;
  lap("submit");
  open();
  await finished;
  lap("drain");
};

/** What every queue of N waiters has to hold: N promises that are pending, each with a `then`. */
async function bareQueue(waiters, lap) {
  const queue = [];
  const capture = (resolve) => queue.push(resolve);
  const { finished, one } = countdown(waiters);
  for (let index = 0; index < waiters; index++) new Promise(capture).then(one);
  lap("submit");
  for (const resolve of queue) {
    resolve();
    await null;
  }
  await finished;
  lap("drain");
}

const growing = [100_000, 200_000, 400_000, 800_000];
const quadratic = { sizes: [100_000], rounds: 1, memory: false };

export const row = {
  name: "deep-queue",
  title: "100k waiters queued, then drained",
  kind: "phases",
  unit: "ms",
  sizes: [100_000],
  memory: true,
  what: `All of 10 permits are held; N waiters queue up ("submit"), each one call with one shared \`then\` on what it returns; the
permits are given back and every waiter gets its turn and passes it on ("drain"). Held memory is what each waiter keeps
alive while it queues, the promise of its \`then\` included. Linear means: over 100k, 200k, 400k and 800k waiters the total
time grows as N to a power (fitted; 1 is linear, 2 quadratic) of at most 0.2 more than that of the floor, an array of N
pending promises that are resolved in turn. All sizes are such that the waiters outgrow the young generation of V8: the
step from below that to above costs more than it should by N, whatever is queued. Peers known to be quadratic run once.`,
  contenders: [
    {
      id: "snowshed acquire",
      role: "ours",
      sizes: growing,
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(permits);
        return throughSemaphore({ acquire: () => semaphore.acquire(), release: () => semaphore.release() });
      },
    },
    {
      id: "snowshed run",
      role: "variant",
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(permits);
        return throughLimiter((task) => semaphore.run(task));
      },
    },
    { id: "an array of pending promises", role: "floor", sizes: growing, setup: () => bareQueue },
    { id: "async-sema", role: "peer", setup: async () => throughSemaphore(await semaphores["async-sema"](permits)) },
    ...["fastq.promise", "p-limit", "p-queue"].map((id) => ({
      id,
      role: "peer",
      setup: async () => throughLimiter(await limiters[id](permits)),
    })),
    {
      id: "async-mutex Semaphore",
      role: "peer",
      ...quadratic,
      setup: async () => throughSemaphore(await semaphores["async-mutex Semaphore"](permits)),
    },
    {
      id: "cockatiel bulkhead",
      role: "peer",
      ...quadratic,
      setup: async () => throughLimiter(await limiters["cockatiel bulkhead"](permits)),
    },
    {
      id: "Effect Semaphore, a tenth of the waiters",
      role: "variant",
      ...quadratic,
      sizes: [10_000],
      async setup() {
        const { Effect, Semaphore } = await effect();
        const semaphore = Semaphore.makeUnsafe(permits);
        return throughLimiter((task) => Effect.runPromise(semaphore.withPermit(Effect.promise(task))));
      },
    },
  ],
  targets: [
    { text: "at most 1.15× the fastest peer", ours: "snowshed acquire", marks: "peers", size: 100_000, atMost: 1.15 },
    { text: "linear", ours: "snowshed acquire", growsLike: "an array of pending promises" },
  ],
};

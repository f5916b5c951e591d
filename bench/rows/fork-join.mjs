// oxlint-disable unicorn/no-unnecessary-await -- an await that finds nothing to wait for is what is measured
import { ours } from "../ours.mjs";
import { effect, limiters, semaphores } from "../peers.mjs";

export const concurrency = 100;

/** The inputs, made as they are asked for. */
export function* inputs(count) {
  for (let index = 0; index < count; index++) yield index;
}

const plainTask = async (item) => {
  await null;
  return item;
};

/** Each contender: `setup(sample?)` → `run(count)`. With `sample` each task calls it: the row "heap" looks from there. */
function taskWith(sample) {
  if (typeof sample !== "function") return plainTask;
  return async (item) => {
    await null;
    sample();
    return item;
  };
}

export const handRolled = {
  id: "100 hand-rolled workers",
  role: "floor",
  async setup(sample) {
    const task = taskWith(sample);
    return async (count) => {
      const source = inputs(count);
      const worker = async () => {
        for (const item of source) await task(item);
      };
      await Promise.all(Array.from({ length: concurrency }, worker));
    };
  },
};

export const forEach = {
  id: "snowshed forEachConcurrent",
  role: "ours",
  async setup(sample) {
    const { forEachConcurrent } = await ours("forEachConcurrent");
    const task = taskWith(sample);
    return (count) => forEachConcurrent(inputs(count), task, { concurrency });
  },
};

const mapping = (ordered) => async (sample) => {
  const { mapConcurrent } = await ours("mapConcurrent");
  const task = taskWith(sample);
  return async (count) => {
    let sum = 0;
    for await (const value of mapConcurrent(inputs(count), task, { concurrency, ordered })) sum += value;
    return sum;
  };
};

export const map = { id: "snowshed mapConcurrent", role: "ours", setup: mapping(true) };
export const mapUnordered = { id: "snowshed mapConcurrent, ordered: false", role: "variant", setup: mapping(false) };

export const pMap = {
  id: "p-map",
  role: "peer",
  async setup(sample) {
    const { default: run } = await import("p-map");
    const task = taskWith(sample);
    return (count) => run(inputs(count), task, { concurrency });
  },
};

export const pMapIterable = {
  id: "p-map pMapIterable",
  role: "peer",
  async setup(sample) {
    const { pMapIterable: run } = await import("p-map");
    const task = taskWith(sample);
    return async (count) => {
      let sum = 0;
      for await (const value of run(inputs(count), task, { concurrency })) sum += value;
      return sum;
    };
  },
};

export const effectForEach = {
  id: "Effect.forEach",
  role: "peer",
  async setup(sample) {
    const { Effect } = await effect();
    const task = taskWith(sample);
    return (count) =>
      Effect.runPromise(Effect.forEach(inputs(count), (item) => Effect.promise(() => task(item)), { concurrency }));
  },
};

export const pLimitMap = {
  id: "p-limit map",
  role: "peer",
  async setup(sample) {
    const limit = await limiters["p-limit"](concurrency);
    const task = taskWith(sample);
    return (count) => limit.map(inputs(count), task);
  },
};

export const pQueueAddAll = {
  id: "p-queue addAll",
  role: "peer",
  async setup(sample) {
    const { default: PQueue } = await import("p-queue");
    const task = taskWith(sample);
    return (count) => new PQueue({ concurrency }).addAll(Array.from(inputs(count), (item) => () => task(item)));
  },
};

const fastq = {
  id: "fastq.promise",
  role: "peer",
  async setup() {
    const run = await limiters["fastq.promise"](concurrency);
    return (count) => Promise.all(Array.from(inputs(count), (item) => run(() => plainTask(item))));
  },
};

const asyncSema = {
  id: "async-sema",
  role: "peer",
  async setup() {
    const semaphore = await semaphores["async-sema"](concurrency);
    const one = async (item) => {
      await semaphore.acquire();
      try {
        return await plainTask(item);
      } finally {
        semaphore.release();
      }
    };
    return (count) => Promise.all(Array.from(inputs(count), one));
  },
};

export const row = {
  name: "fork-join",
  title: "fork/join, 100k tasks at concurrency 100",
  unit: "ns/task",
  sizes: [100_000],
  what: `100,000 inputs from a generator, one task each, at most 100 at once; a task is an async function that does \`await null\`
and returns its input. forEachConcurrent throws the results away, as the hand-rolled workers do, which are 100 async loops
over the one generator. mapConcurrent gives its results in input order to a \`for await\`; p-map, Effect.forEach, p-limit
and p-queue collect theirs in an array, pMapIterable yields them in order.`,
  contenders: [
    forEach,
    map,
    mapUnordered,
    handRolled,
    pMap,
    pMapIterable,
    effectForEach,
    pLimitMap,
    pQueueAddAll,
    fastq,
    asyncSema,
  ],
  targets: [
    {
      text: "forEachConcurrent at most 1.5× hand-rolled workers",
      ours: forEach.id,
      marks: [handRolled.id],
      size: 100_000,
      atMost: 1.5,
    },
    { text: "mapConcurrent faster than every peer", ours: map.id, marks: "peers", size: 100_000, below: 1 },
  ],
};

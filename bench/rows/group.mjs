// oxlint-disable unicorn/no-unnecessary-await -- an await that finds nothing to wait for is what is measured
import { ours } from "../ours.mjs";
import { limiters } from "../peers.mjs";
import { concurrency, effectForEach, handRolled, pLimitMap, pMap, pQueueAddAll } from "./fork-join.mjs";

const plainTask = async () => {
  await null;
};

const taskWith = (sample) => {
  if (typeof sample !== "function") return plainTask;
  return async () => {
    await null;
    sample();
  };
};

const grouped = (submit) => async (sample) => {
  const { Group } = await ours("Group");
  const task = taskWith(sample);
  return async (count) => {
    const group = new Group({ concurrency });
    await submit(group, count, task);
    await group.wait();
  };
};

export const eager = {
  id: "snowshed Group, all submitted at once",
  role: "ours",
  setup: grouped((group, count, task) => {
    for (let index = 0; index < count; index++) group.go(task);
  }),
};

export const ready = {
  id: "snowshed Group, await ready() before each go()",
  role: "ours",
  setup: grouped(async (group, count, task) => {
    for (let index = 0; index < count; index++) {
      await group.ready();
      group.go(task);
    }
  }),
};

export const tryGo = {
  id: "snowshed Group, tryGo() or else ready() and go()",
  role: "ours",
  setup: grouped(async (group, count, task) => {
    for (let index = 0; index < count; index++) {
      if (group.tryGo(task) !== undefined) continue;
      await group.ready();
      group.go(task);
    }
  }),
};

const pLimitEach = {
  id: "p-limit, limit(task) each, Promise.all",
  role: "peer",
  async setup() {
    const limit = await limiters["p-limit"](concurrency);
    return (count) => Promise.all(Array.from({ length: count }, () => limit(plainTask)));
  },
};

const pQueueBackpressure = {
  id: "p-queue, await onSizeLessThan() before each add()",
  role: "peer",
  async setup() {
    const { default: PQueue } = await import("p-queue");
    return async (count) => {
      const queue = new PQueue({ concurrency });
      for (let index = 0; index < count; index++) {
        if (queue.size >= concurrency) await queue.onSizeLessThan(concurrency);
        void queue.add(plainTask);
      }
      await queue.onIdle();
    };
  },
};

export const row = {
  name: "group",
  title: "Group.go, 100k tasks at concurrency 100",
  unit: "ns/task",
  sizes: [100_000],
  memory: true,
  what: `A Group with concurrency 100 is given 100,000 tasks (\`await null\` each) and waited for: all of them submitted at once, so
that 99,900 queue up; or with backpressure, so that none does. p-map and Effect.forEach pull their inputs and so never
queue any either; p-limit and p-queue queue all of them.`,
  contenders: [
    eager,
    ready,
    tryGo,
    handRolled,
    pLimitEach,
    pLimitMap,
    pMap,
    pQueueAddAll,
    pQueueBackpressure,
    effectForEach,
  ],
  targets: [
    {
      text: "submitted at once: faster than the peers that queue (p-limit, p-queue)",
      ours: eager.id,
      marks: [pLimitEach.id, pLimitMap.id, pQueueAddAll.id],
      size: 100_000,
      below: 1,
    },
    { text: "submitted at once: faster than every peer", ours: eager.id, marks: "peers", size: 100_000, below: 1 },
    { text: "ready() + go(): faster than every peer", ours: ready.id, marks: "peers", size: 100_000, below: 1 },
    {
      text: "tryGo() or ready() + go(): faster than every peer",
      ours: tryGo.id,
      marks: "peers",
      size: 100_000,
      below: 1,
    },
  ],
};

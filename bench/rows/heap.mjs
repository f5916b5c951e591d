import {
  effectForEach,
  forEach,
  handRolled,
  map,
  mapUnordered,
  pLimitMap,
  pMap,
  pMapIterable,
  pQueueAddAll,
} from "./fork-join.mjs";
import { ready, tryGo } from "./group.mjs";

const growing = [100_000, 1_000_000];
const once = (contender) => ({ ...contender, sizes: [100_000], rounds: 1 });

export const row = {
  name: "heap",
  title: "peak heap of fork/join at concurrency 100",
  kind: "memory",
  unit: "MB",
  metric: "heap",
  sizes: growing,
  what: `The same loops as fork/join and Group with backpressure; twenty times in the run, from inside a task, the garbage is
collected and the live heap looked at, and the highest is reported, in MB above what was used before. O(concurrency)
means that a million tasks need no more than 1.5 times what 100,000 need, or than 0.2 MB more. Peers that collect results
in an array are O(tasks) by what they are asked to do and run at 100,000 only. The growth of the resident size includes
the garbage that was not collected in time, and the young generation, which Node lets grow to 16 MB.`,
  contenders: [
    forEach,
    map,
    mapUnordered,
    ready,
    tryGo,
    handRolled,
    pMapIterable,
    ...[pMap, effectForEach, pLimitMap, pQueueAddAll].map(once),
  ],
  targets: [forEach, map, ready, tryGo].map(({ id }) => ({
    text: `${id}: heap O(concurrency)`,
    ours: id,
    sameAt: growing,
    atMost: 1.5,
    slack: 0.2,
  })),
};

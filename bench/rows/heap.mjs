import { effectForEach, forEach, handRolled, map, mapUnordered, pLimitMap, pMap, pMapIterable, pQueueAddAll } from "./fork-join.mjs";
import { ready, tryGo } from "./group.mjs";

const growing = [100_000, 1_000_000];
const once = (contender) => ({ ...contender, sizes: [100_000], rounds: 1 });

export default {
  name: "heap",
  title: "peak heap of fork/join at concurrency 100",
  kind: "memory",
  unit: "MB",
  metric: "heap",
  sizes: growing,
  what: `The same loops as fork/join and Group with backpressure; every 1024th task looks at the size of the used heap, garbage
not yet collected included, and the highest is reported, in MB above what was used before. O(concurrency) means that a
million tasks need no more than 1.5 times what 100,000 need, or than 4 MB more. Peers that collect results in an array
are O(tasks) by what they are asked to do and run at 100,000 only.`,
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
    slack: 4,
  })),
};

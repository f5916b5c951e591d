// The services that are simulated. All times in milliseconds.
import { item } from "./item.mjs";
import { logNormal, random } from "./random.mjs";

/**
 * @typedef {object} Shape
 * @property {string} name
 * @property {number} slots how many pieces of work run at full speed
 * @property {number} mean how long one takes alone, on average
 * @property {"ps" | "fifo"} discipline
 * @property {number} p99 how long one takes alone, 99th percentile
 * @property {(chance: () => number) => number} work
 */

/** @type {readonly [name: string, slots: number, mean: number, work: (chance: () => number) => number][]} */
const kinds = [
  ["fast10", 4, 10, (chance) => 10 * logNormal(chance, 0.5)],
  ["mid40", 16, 40, (chance) => 40 * logNormal(chance, 1)],
  ["slow200", 80, 200, (chance) => 200 * logNormal(chance, 0.5)],
  // One in ten takes eleven times as long.
  ["bimodal", 16, 40, (chance) => (chance() < 0.9 ? 20 : 220) * logNormal(chance, 0.2)],
  ["tiny5", 2, 5, (chance) => 5 * logNormal(chance, 1)],
  // A Node process that computes: one at a time, always the same.
  ["tiny1", 1, 2, (chance) => 2 * logNormal(chance, 0.3)],
  ["heavy80", 32, 80, (chance) => 80 * logNormal(chance, 2)],
  ["x15", 6, 15, (chance) => 15 * logNormal(chance, 1.5)],
  ["pool500", 200, 500, (chance) => 500 * logNormal(chance, 0.25)],
];

/** Not looked at while the algorithm was made; its start and the queue's target were improved on them, too. */
/** @type {typeof kinds} */
const heldOutKinds = [
  ["held-c3", 3, 30, (chance) => 30 * logNormal(chance, 0.7)],
  ["held-c1", 1, 10, (chance) => 10 * logNormal(chance, 1)],
  ["held-c10", 10, 25, (chance) => 25 * logNormal(chance, 0)],
  ["held-c50", 50, 60, (chance) => 60 * logNormal(chance, 1.2)],
  ["held-c24", 24, 120, (chance) => (chance() < 0.98 ? 80 : 2080) * logNormal(chance, 0.1)],
  ["held-c120", 120, 150, (chance) => 150 * logNormal(chance, 0.8)],
  ["held-c8", 8, 3, (chance) => 3 * logNormal(chance, 0.5)],
  ["held-c2", 2, 50, (chance) => 50 * logNormal(chance, 0.3)],
];

/** Not looked at while those were improved. */
/** @type {typeof kinds} */
const unseenKinds = [
  ["new-c5", 5, 70, (chance) => 70 * logNormal(chance, 0.6)],
  ["new-c64", 64, 15, (chance) => 15 * logNormal(chance, 0.5)],
  ["new-c2", 2, 8, (chance) => 8 * logNormal(chance, 1.5)],
  ["new-c400", 400, 100, (chance) => 100 * logNormal(chance, 0.4)],
  ["new-c1", 1, 25, (chance) => 25 * logNormal(chance, 0)],
  ["new-c12", 12, 30, (chance) => (chance() < 0.8 ? 15 : 90) * logNormal(chance, 0.3)],
];

/**
 * @param {typeof kinds} list
 * @returns {Shape[]}
 */
function shapesOf(list) {
  return list.flatMap(([name, slots, mean, work]) =>
    /** @type {const} */ (["ps", "fifo"]).map((discipline) => ({
      name: `${name}-${discipline}`,
      slots,
      mean,
      discipline,
      p99: unloaded(work),
      work,
    })),
  );
}

/** @param {(chance: () => number) => number} work */
function unloaded(work) {
  const chance = random(0);
  const times = Float64Array.from({ length: 20_000 }, () => work(chance)).toSorted();
  return item(times, 19_800);
}

export const shapes = shapesOf(kinds);
export const heldOut = shapesOf(heldOutKinds);
export const unseen = shapesOf(unseenKinds);

// The best that a limit known beforehand could do: nobody can know it, so it is what the others are measured against.
import { limited } from "./admission.mjs";
import { simulate } from "./simulation.mjs";
import { item } from "./item.mjs";
import { avalanche } from "./timeline.mjs";

/**
 * What `findOracle` found for a queue of 100: by `node bench/overload/simulate.mjs --oracle`.
 *
 * @type {Readonly<Record<string, number>>}
 */
export const oracleLimits = {
  "fast10-ps": 4,
  "fast10-fifo": 4,
  "mid40-ps": 16,
  "mid40-fifo": 16,
  "slow200-ps": 80,
  "slow200-fifo": 80,
  "bimodal-ps": 16,
  "bimodal-fifo": 16,
  "tiny5-ps": 2,
  "tiny5-fifo": 2,
  "tiny1-ps": 1,
  "tiny1-fifo": 1,
  "heavy80-ps": 32,
  "heavy80-fifo": 32,
  "x15-ps": 7,
  "x15-fifo": 7,
  "pool500-ps": 200,
  "pool500-fifo": 200,
};

/** In multiples of the slots. */
const sweep = [0.8, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.5, 3, 4, 6];

/**
 * Tries one limit after the other: of those that serve within 2 % of the most at three times the load, with a p99 of at
 * most four times the unloaded one, the one that sheds least at 0.7.
 *
 * @param {import("./admission.mjs").Library} library
 * @param {import("./shapes.mjs").Shape} shape
 * @param {number | "limit"} maxQueue
 * @returns {Promise<number>}
 */
export async function findOracle(library, shape, maxQueue) {
  const limits = [...new Set(sweep.map((factor) => Math.max(1, Math.round(factor * shape.slots))))];
  const tried = [];
  for (const limit of limits) {
    const admission = limited(library, () => library.fixed(limit), maxQueue);
    const { parts } = await simulate({ shape, timeline: avalanche(0.5), admission, seed: 7001 });
    const { peak, normal } = parts;
    if (peak === undefined || normal === undefined) throw new Error("the time line has other parts");
    if (peak.p99 <= 4 * shape.p99) tried.push({ limit, goodput: Math.min(1, peak.goodput), shed: normal.shed });
  }
  const most = Math.max(...tried.map(({ goodput }) => goodput));
  const good = tried.filter(({ goodput }) => goodput >= 0.98 * most);
  // The least of those that shed as little.
  const least = Math.min(...good.map(({ shed }) => shed));
  return item(
    good.filter(({ shed }) => shed <= least + 0.0005).map(({ limit }) => limit),
    0,
  );
}

// The default limiter in a simulated avalanche: virtual time, seeded chance, the same on every machine. What each shape
// must reach is what the limit that nobody can know reaches there, and never less than the marks below.
import * as library from "snowshed";
import { describe, expect, test } from "vitest";
import { limited, open } from "../../../../bench/overload/simulation/admission.mjs";
import { oracleLimits } from "../../../../bench/overload/simulation/oracle.mjs";
import { shapes, unseen } from "../../../../bench/overload/simulation/shapes.mjs";
import { simulate } from "../../../../bench/overload/simulation/simulation.mjs";
import { avalanche, latencyShift, steady } from "../../../../bench/overload/simulation/timeline.mjs";
import type { Timeline } from "../../../../bench/overload/simulation/timeline.mjs";
import type { Part } from "../../../../bench/overload/simulation/simulation.mjs";
import type { Shape } from "../../../../bench/overload/simulation/shapes.mjs";

/** A queue for bursts: CoDel keeps it short in an overload, whatever its length. */
const maxQueue = 100;
const gradient = limited(library, () => library.gradient(), maxQueue);

function part(parts: Readonly<Record<string, Part>>, name: string): Part {
  const found = parts[name];
  if (found === undefined) throw new Error(`no part ${name}`);
  return found;
}

function shapeNamed(name: string): Shape {
  const found = [...shapes, ...unseen].find((shape) => shape.name === name);
  if (found === undefined) throw new Error(`no shape ${name}`);
  return found;
}

const timeline = avalanche(0.5);

const coldStart = (load: number): Timeline => ({
  phases: [{ seconds: 25, from: load, to: load }],
  measured: [
    ["early", 0, 5],
    ["late", 15, 25],
  ],
  recoveries: [],
});

/** How much more than the best limit may be shed at 0.7 times the load. */
const more = 0.01;

describe.each(shapes)("$name", (shape) => {
  async function avalancheOf(seed: number): Promise<Record<string, Part>> {
    const { parts, recoveries } = await simulate({ shape, timeline, admission: gradient, seed });
    expect(part(parts, "peak").goodput).toBeGreaterThanOrEqual(0.9);
    expect(part(parts, "peak").p99).toBeLessThanOrEqual(4 * shape.p99);
    expect(recoveries["overload"]).toBeLessThanOrEqual(5);
    expect(recoveries["fault"]).toBeLessThanOrEqual(10);
    expect(part(parts, "half").shed).toBe(0);
    return parts;
  }

  test("stands an avalanche as the best limit does that could have been chosen", { timeout: 60_000 }, async () => {
    const limit = oracleLimits[shape.name] ?? Number.NaN;
    const oracle = limited(library, () => library.fixed(limit), maxQueue);
    const best = await simulate({ shape, timeline, admission: oracle, seed: 1 });
    const parts = await avalancheOf(1);
    expect(part(parts, "peak").goodput).toBeGreaterThanOrEqual(0.95 * Math.min(1, part(best.parts, "peak").goodput));
    expect(part(parts, "normal").shed).toBeLessThanOrEqual(part(best.parts, "normal").shed + more);
    // Only five seconds of it: in a small service one burst of a second decides. `simulate.mjs --scale 1` has twenty.
    const after = shape.slots <= 6 ? 0.05 : more;
    expect(part(parts, "after").shed).toBeLessThanOrEqual(part(best.parts, "after").shed + after);
  });

  test("stands another one", { timeout: 60_000 }, () => avalancheOf(2));

  test("finds its limit when the process starts into three times the load", { timeout: 60_000 }, async () => {
    const { parts } = await simulate({ shape, timeline: coldStart(3), admission: gradient, seed: 1 });
    expect(part(parts, "late").goodput).toBeGreaterThanOrEqual(0.9);
  });

  test("sheds next to nothing when it starts into half the load", { timeout: 60_000 }, async () => {
    const { parts } = await simulate({ shape, timeline: coldStart(0.5), admission: gradient, seed: 1 });
    expect(part(parts, "early").shed).toBeLessThanOrEqual(0.15);
    expect(part(parts, "late").shed).toBe(0);
  });
});

// All that is in flight in the first second is one burst: at these seeds its latency passed for the normal one for ten
// seconds, and a third to a half was shed.
test.each([
  ["new-c1-ps", 6],
  ["new-c1-ps", 7],
  ["new-c1-fifo", 7],
])(
  "one place sheds nothing at half the load once the burst it began with is over: %s, seed %i",
  { timeout: 60_000 },
  async (name, seed) => {
    const { parts } = await simulate({ shape: shapeNamed(name), timeline, admission: gradient, seed });
    expect(part(parts, "half").shed).toBe(0);
  },
);

test("comes back from a fault also where a fault's latency was taken for the normal one", async () => {
  const shape = shapeNamed("heavy80-ps");
  const { recoveries } = await simulate({ shape, timeline, admission: gradient, seed: 8 });
  expect(recoveries["fault"]).toBeLessThanOrEqual(10);
});

describe("what the test is worth", () => {
  test("with a limit of 50 for good, a small service that starts into an overload serves a quarter", async () => {
    const fixed = limited(library, () => library.fixed(50), maxQueue);
    const { parts } = await simulate({
      shape: shapeNamed("tiny1-ps"),
      timeline: coldStart(3),
      admission: fixed,
      seed: 1,
    });
    expect(part(parts, "late").goodput).toBeLessThan(0.5);
  });

  test("without a limiter the same avalanche buries a service for good", { timeout: 60_000 }, async () => {
    for (const name of ["mid40-ps", "slow200-fifo"]) {
      const { parts, recoveries } = await simulate({ shape: shapeNamed(name), timeline, admission: open, seed: 1 });
      expect(part(parts, "peak").goodput).toBeLessThan(0.2);
      expect(recoveries["overload"]).toBe(Number.POSITIVE_INFINITY);
    }
  });

  test(
    "the article's formula to the letter holds 100 in flight, where the capacity is 4 or 16",
    { timeout: 60_000 },
    async () => {
      const article = limited(library, () => library.errorRate({ preset: "article" }), 0);
      for (const name of ["fast10-ps", "mid40-ps"]) {
        const { parts } = await simulate({ shape: shapeNamed(name), timeline, admission: article, seed: 1 });
        expect(part(parts, "peak").goodput).toBeLessThan(0.9);
      }
    },
  );

  test("the same seed gives the same run", async () => {
    const run = () => simulate({ shape: shapeNamed("x15-fifo"), timeline: steady(3, 5), admission: gradient, seed: 3 });
    expect(await run()).toEqual(await run());
  });
});

describe("a latency that stays twice as long, of something behind the service", () => {
  test.each(["fast10-ps", "mid40-fifo", "slow200-ps", "bimodal-ps", "tiny5-fifo", "heavy80-ps"])(
    "%s",
    { timeout: 60_000 },
    async (name) => {
      const { parts } = await simulate({
        shape: shapeNamed(name),
        timeline: latencyShift(),
        admission: gradient,
        seed: 1,
      });
      // It takes a cut, and a look at what came of it, to know that the queue is not its own.
      expect(part(parts, "shifted").served).toBeGreaterThanOrEqual(0.65);
      expect(part(parts, "settled").served).toBeGreaterThanOrEqual(0.98);
    },
  );
});

test("a caller whose requests fail by their own fault takes nothing from the others", { timeout: 60_000 }, async () => {
  for (const name of ["mid40-ps", "slow200-ps"]) {
    const { parts } = await simulate({
      shape: shapeNamed(name),
      timeline: steady(0.5, 15),
      admission: gradient,
      seed: 1,
      cheapErrors: 9,
    });
    expect(part(parts, "steady").served).toBeGreaterThanOrEqual(0.99);
  }
});

// The default limiter in a simulated avalanche: virtual time, seeded chance, the same on every machine. What each shape
// must reach is what the limit that nobody can know reaches there, and never less than the marks below.
import * as library from "snowshed";
import { describe, expect, test } from "vitest";
import { limited, open } from "../../../../bench/overload/simulation/admission.mjs";
import { oracleLimits } from "../../../../bench/overload/simulation/oracle.mjs";
import { shapes } from "../../../../bench/overload/simulation/shapes.mjs";
import { simulate } from "../../../../bench/overload/simulation/simulation.mjs";
import { avalanche, latencyShift, steady } from "../../../../bench/overload/simulation/timeline.mjs";
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
  const found = shapes.find((shape) => shape.name === name);
  if (found === undefined) throw new Error(`no shape ${name}`);
  return found;
}

const timeline = avalanche(0.5);

describe.each(shapes)("$name", (shape) => {
  const oracle = limited(library, () => library.fixed(oracleLimits[shape.name] ?? Number.NaN), maxQueue);
  // What the best fixed limit sheds, and how much it serves, differs by seed; so both get the same.
  test.each([1, 2])("stands an avalanche, seed %i", { timeout: 60_000 }, async (seed) => {
    const best = await simulate({ shape, timeline, admission: oracle, seed });
    const { parts, recoveries } = await simulate({ shape, timeline, admission: gradient, seed });
    const peak = part(parts, "peak");
    expect(peak.goodput).toBeGreaterThanOrEqual(0.9);
    expect(peak.goodput).toBeGreaterThanOrEqual(0.95 * Math.min(1, part(best.parts, "peak").goodput));
    expect(peak.p99).toBeLessThanOrEqual(4 * shape.p99);
    expect(recoveries["overload"]).toBeLessThanOrEqual(5);
    expect(recoveries["fault"]).toBeLessThanOrEqual(10);
    expect(part(parts, "normal").shed).toBeLessThanOrEqual(part(best.parts, "normal").shed + 0.01);
    expect(part(parts, "after").shed).toBeLessThanOrEqual(part(best.parts, "after").shed + 0.01);
    expect(part(parts, "half").shed).toBeLessThanOrEqual(0.0005);
  });
});

describe("what the test is worth", () => {
  test("without a limiter the same avalanche buries every kind of service, for good", async () => {
    for (const name of ["mid40-ps", "mid40-fifo", "tiny1-ps", "slow200-ps"]) {
      const { parts, recoveries } = await simulate({ shape: shapeNamed(name), timeline, admission: open, seed: 1 });
      expect(part(parts, "peak").goodput).toBeLessThan(0.2);
      expect(recoveries["overload"]).toBe(Number.POSITIVE_INFINITY);
    }
  });

  test("the article's formula to the letter holds 100 in flight, where the capacity is 4 or 16", async () => {
    const article = limited(library, () => library.errorRate({ preset: "article" }), 0);
    for (const name of ["fast10-ps", "mid40-ps"]) {
      const { parts } = await simulate({ shape: shapeNamed(name), timeline, admission: article, seed: 1 });
      expect(part(parts, "peak").goodput).toBeLessThan(0.9);
    }
  });

  test("the same seed gives the same run", async () => {
    const run = () => simulate({ shape: shapeNamed("x15-fifo"), timeline: steady(3, 5), admission: gradient, seed: 3 });
    expect(await run()).toEqual(await run());
  });
});

describe("a latency that stays twice as long, of something behind the service", () => {
  test.each(["fast10-ps", "mid40-fifo", "slow200-ps", "bimodal-ps", "tiny5-fifo", "heavy80-ps"])("%s", async (name) => {
    const { parts } = await simulate({
      shape: shapeNamed(name),
      timeline: latencyShift(),
      admission: gradient,
      seed: 1,
    });
    expect(part(parts, "shifted").served).toBeGreaterThanOrEqual(0.75);
    expect(part(parts, "settled").served).toBeGreaterThanOrEqual(0.98);
  });
});

test("a caller whose requests fail by their own fault takes nothing from the others", async () => {
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

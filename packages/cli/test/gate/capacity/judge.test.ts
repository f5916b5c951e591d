import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeMemory } from "../../../src/gate/capacity/judge-memory.ts";
import { judgeThroughput } from "../../../src/gate/capacity/judge-throughput.ts";
import { pointsOf } from "../../../src/gate/capacity/measurement.ts";
import { rising, risingThenFalling } from "../../../src/gate/capacity/isotonic.ts";
import { kneedle } from "../../../src/gate/capacity/kneedle.ts";
import { fitUsl, uslThroughput } from "../../../src/gate/capacity/usl.ts";
import { measured, memoryJudging, throughputJudging, unknown, usl } from "./curves.ts";

const loads = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];
const seed = fc.integer({ min: 0, max: 2 ** 31 });

describe("throughput", () => {
  test("known curves with noise are recovered: the law, the knee, and what is safe", () => {
    const curve = fc.record({
      gamma: fc.double({ min: 10, max: 20_000, noNaN: true }),
      sigma: fc.double({ min: 0.08, max: 0.3, noNaN: true }),
      kappa: fc.double({ min: 0.0003, max: 0.004, noNaN: true }),
      noise: fc.double({ min: 0, max: 0.03, noNaN: true }),
      seed,
    });
    let found = 0;
    fc.assert(
      fc.property(curve, ({ gamma, sigma, kappa, noise, seed: own }) => {
        const truth = usl(gamma, sigma, kappa);
        const judgement = judgeThroughput(pointsOf(measured(loads, truth, noise, own)), throughputJudging);
        const most = Math.max(...Array.from({ length: 64 }, (_, n) => truth(n + 1)));
        const model = judgement.model!;
        expect(Math.abs(model.sigma - sigma)).toBeLessThan(0.02 + 0.4 * sigma);
        expect(Math.abs(model.kappa - kappa)).toBeLessThan(0.0008 + 0.5 * kappa);
        if (judgement.verdict === "inconclusive") return;
        found++;
        // Never more than there is, and not less than where the curve has long bent.
        expect(judgement.capacity!).toBeLessThan(most * (1 + 3 * noise + 1e-9));
        expect(judgement.capacity!).toBeGreaterThan(most * 0.65);
        expect(judgement.safe!).toBeCloseTo(judgement.capacity! * 0.75, 6);
      }),
      { numRuns: 80, seed: 8 },
    );
    expect(found).toBeGreaterThan(74);
  });

  test.each([
    ["a line", (load: number) => 100 * load],
    ["a line that does not begin at 0", (load: number) => 500 + 100 * load],
    ["a curve that has not bent yet", usl(100, 0.001, 0)],
    ["a curve that still grows at its end", usl(100, 0.03, 0)],
    ["a curve that grows ever faster", (load: number) => 100 * load ** 1.3],
    ["always the same", () => 1000],
  ])("%s has no knee, whatever the noise", (_, truth) => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.3, noNaN: true }), seed, (noise, own) => {
        const judgement = judgeThroughput(pointsOf(measured(loads, truth, noise, own)), throughputJudging);
        expect(judgement).toMatchObject({ verdict: "inconclusive", capacity: null, safe: null, limit: null });
        expect(judgement.reasons.length).toBeGreaterThan(0);
      }),
      { numRuns: 60, seed: 8 },
    );
  });

  test.each([
    ["falls from the first load on", (load: number) => 1000 - 10 * load],
    ["collapses from the first load on", (load: number) => 1000 / load],
    ["is full at the first load, and falls later", (load: number) => (load < 16 ? 1000 : 16_000 / load)],
    ["answers only one client", (load: number) => (load === 1 ? 100 : 0)],
  ])("a ramp that %s began beyond the knee: no number", (_, truth) => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.05, noNaN: true }), seed, (noise, own) => {
        const judgement = judgeThroughput(pointsOf(measured(loads, truth, noise, own)), throughputJudging);
        expect(judgement).toMatchObject({ verdict: "inconclusive", capacity: null, safe: null });
        expect(judgement.reasons.length).toBeGreaterThan(0);
      }),
      { numRuns: 30, seed: 8 },
    );
    const exact = judgeThroughput(pointsOf(measured(loads, truth, 0, 1)), throughputJudging);
    expect(exact.reasons.join("; ")).toContain("throughput is highest at the lowest load: lower ramp.from");
  });

  test.each([
    ["a step up", (load: number) => (load < 16 ? 100 : 1000)],
    ["a step down", (load: number) => (load < 16 ? 1000 : 100)],
    ["two knees, the second not reached", (load: number) => Math.min(100 * load, 800) + Math.max(0, load - 32) * 50],
    ["one load that stands out", (load: number) => (load === 16 ? 5000 : 100)],
    ["a wave", (load: number) => 500 + 300 * Math.sin(load / 5)],
    ["a logarithm", (load: number) => 100 * Math.log(load + 1)],
    ["nothing at all", () => 0],
    ["what is no number", () => Number.NaN],
    ["what has no end", () => Number.POSITIVE_INFINITY],
  ])("%s gives no number", (_, truth) => {
    for (const noise of [0, 0.03]) {
      const judgement = judgeThroughput(pointsOf(measured(loads, truth, noise, 3)), throughputJudging);
      expect(judgement).toMatchObject({ verdict: "inconclusive", capacity: null, safe: null });
      expect(judgement.reasons.length).toBeGreaterThan(0);
    }
  });

  test("a server that comes apart under load has its capacity where it was best, or before", () => {
    for (const [sigma, kappa] of [
      [0.05, 0.01],
      [0.01, 0.05],
    ] as const) {
      const truth = usl(100, sigma, kappa);
      const { verdict, capacity } = judgeThroughput(pointsOf(measured(loads, truth, 0.02, 3)), throughputJudging);
      const most = Math.max(...loads.map(truth));
      expect([verdict, capacity! <= most * 1.06, capacity! > most * 0.8]).toEqual(["found", true, true]);
    }
  });

  test("two knees that are both within the ramp: not more than the second bears", () => {
    const truth = (load: number): number => (load <= 4 ? 100 * load : Math.min(1000, 400 + 30 * (load - 4)));
    const judgement = judgeThroughput(pointsOf(measured(loads, truth, 0.02, 3)), throughputJudging);
    expect(judgement.capacity ?? 0).toBeLessThan(1000 * 1.06);
  });

  test("pure noise has no knee, however it is spread", () => {
    const values = fc.array(fc.double({ min: 1, max: 1000, noNaN: true }), { minLength: 50, maxLength: 50 });
    fc.assert(
      fc.property(values, (throughputs) => {
        const measurements = throughputs.map((throughput, index) => {
          const load = loads[index % loads.length]!;
          return { ...unknown, load, concurrency: load, repetition: 1 + Math.floor(index / loads.length), throughput };
        });
        expect(judgeThroughput(pointsOf(measurements), throughputJudging).verdict).toBe("inconclusive");
      }),
      { numRuns: 150, seed: 8 },
    );
  });
});

describe("the law", () => {
  const points = (truth: (n: number) => number) => loads.map((n) => ({ concurrency: n, throughput: truth(n) }));

  test("exact points give the exact coefficients, and the peak that they imply", () => {
    const coefficient = fc.double({ min: 0.001, max: 0.4, noNaN: true });
    fc.assert(
      fc.property(coefficient, coefficient, (sigma, kappa) => {
        const model = fitUsl(points(usl(1000, sigma, kappa)))!;
        expect(model.gamma).toBeCloseTo(1000, 3);
        expect(model.sigma).toBeCloseTo(sigma, 6);
        expect(model.kappa).toBeCloseTo(kappa, 6);
        expect(model.explained).toBeCloseTo(1, 6);
        const peak = model.peak!;
        for (const other of [peak * 0.9, peak * 1.1]) {
          expect(uslThroughput(model, other)).toBeLessThan(uslThroughput(model, peak));
        }
      }),
      { numRuns: 50, seed: 8 },
    );
  });

  test("coherence below 0 is no fit; none at all is Amdahl's law, which never falls", () => {
    expect(fitUsl(points(usl(1000, 0.2, -0.001)))).toBeUndefined();
    expect(fitUsl(points((n) => n ** 1.5))).toBeUndefined();
    const amdahl = fitUsl(points(usl(1000, 0.2, 0)))!;
    expect(amdahl.kappa).toBeCloseTo(0, 9);
    expect(amdahl.sigma).toBeCloseTo(0.2, 6);
  });

  test("fewer points than coefficients, and points that cannot be, are no fit", () => {
    expect(fitUsl([])).toBeUndefined();
    expect(fitUsl(points(usl(1, 0.1, 0.01)).slice(0, 3))).toBeUndefined();
    expect(fitUsl(loads.map((n) => ({ concurrency: n, throughput: 0 })))).toBeUndefined();
    expect(fitUsl(loads.map(() => ({ concurrency: 5, throughput: 10 })))).toBeUndefined();
  });
});

describe("Kneedle", () => {
  // The example of the paper: y = -1/x + 5 for ten values of x from 0 to 1, whose knee is at 0.22.
  test("finds the knee of the paper's example", () => {
    const points = Array.from({ length: 10 }, (_, index) => {
      const x = index / 9;
      return { x, y: -1 / (x + 0.1) + 5 };
    });
    expect(kneedle(points, "rising")!.x).toBeCloseTo(0.22, 2);
  });

  test("the mirror image of a curve has its knee at the mirror image of the place", () => {
    const curve = Array.from({ length: 21 }, (_, index) => ({ x: index, y: index < 14 ? index / 100 : index - 13.86 }));
    const mirrored = curve.map(({ x, y }) => ({ x: 20 - x, y: -y })).toReversed();
    expect(kneedle(curve, "convex")).toMatchObject({ x: 14 });
    expect(kneedle(mirrored, "rising")).toMatchObject({ x: 6 });
    expect(kneedle(curve, "rising")).toBeUndefined();
  });

  test("a line, a point, and what is the same everywhere have none", () => {
    const line = [0, 1, 2, 3, 4, 5].map((x) => ({ x, y: x }));
    expect(kneedle(line, "rising")?.bend ?? 0).toBeLessThan(1e-9);
    expect(kneedle([], "rising")).toBeUndefined();
    expect(kneedle(line.slice(0, 1), "convex")).toBeUndefined();
    expect(
      kneedle(
        line.map(({ x }) => ({ x, y: 4 })),
        "rising",
      ),
    ).toBeUndefined();
  });
});

test("isotonic smoothing gives the nearest rising sequence", () => {
  const values = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 });
  const distance = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0);
  fc.assert(
    fc.property(values, fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 5, maxLength: 5 }), (given, other) => {
      const smooth = rising(given);
      expect(smooth).toEqual(smooth.toSorted((a, b) => a - b));
      const rival = other.slice(0, given.length).toSorted((a, b) => a - b);
      expect(distance(given, smooth)).toBeLessThanOrEqual(distance(given, rival) + 1e-9);
      expect(distance(given, risingThenFalling(given))).toBeLessThanOrEqual(distance(given, smooth) + 1e-9);
    }),
    { numRuns: 500, seed: 8 },
  );
  expect(risingThenFalling([1, 5, 9, 6, 2])).toEqual([1, 5, 9, 6, 2]);
  expect(rising([1, 5, 9, 6, 2])).toEqual([1, 5, 17 / 3, 17 / 3, 17 / 3]);
});

describe("what makes throughput inconclusive", () => {
  const curve = (noise: number) => pointsOf(measured(loads, usl(1000, 0.1, 0.001), noise, 1));

  test("the same curve with nothing in its way is found", () => {
    expect(judgeThroughput(curve(0.01), throughputJudging)).toMatchObject({
      verdict: "found",
      reasons: [],
      limit: "knee",
    });
  });

  test.each([
    ["noise", curve(0.6), {}, /differs by \d+ % from one repetition to the next/],
    ["a busy machine", curve(0.01), { disturbances: ["the host was busy"] }, /the host was busy/],
    ["few loads", curve(0.01).slice(0, 5), {}, /5 loads are no curve/],
    ["few repetitions", curve(0.01), { minRepetitions: 6 }, /fewer than 6 repetitions that count at load 1, 2, 4/],
    ["methods that are apart", curve(0.01), { tolerance: 0.0001 }, /do not agree within 0 %: kneedle \d+/],
    ["a method too few", curve(0.01), { methods: ["kneedle"] as const }, /no method found a knee/],
  ])("%s", (_, points, change, reason) => {
    const judgement = judgeThroughput(points, { ...throughputJudging, ...change });
    expect(judgement).toMatchObject({ verdict: "inconclusive", capacity: null, safe: null });
    expect(judgement.reasons.join("; ")).toMatch(reason);
  });

  test("nothing at all", () => {
    expect(judgeThroughput([], throughputJudging)).toMatchObject({ verdict: "inconclusive", capacity: null });
  });
});

test("errors that come before the knee are the limit", () => {
  const errors = (from: number) => (load: number) => ({ errors: load >= from ? 0.05 : 0 });
  const judge = (from: number) =>
    judgeThroughput(pointsOf(measured(loads, usl(1000, 0.1, 0.001), 0.01, 1, errors(from))), throughputJudging);
  expect(judge(8)).toMatchObject({ verdict: "found", limit: "errors" });
  expect(judge(8).capacity).toBeLessThan(judge(99).capacity! * 0.8);
  expect(judge(1)).toMatchObject({ verdict: "inconclusive" });
});

describe("memory", () => {
  const levels = [40, 50, 60, 70, 80, 84, 88, 92, 96, 100];
  const filled = (p99: (level: number) => number, noise: number, own: number, evictedAt: number | null = 100) =>
    pointsOf(
      measured(
        levels,
        () => 400,
        0,
        own,
        (level, draw) => ({
          used: level,
          p99: p99(level) * (1 + noise * Math.abs(draw())),
          evictedAt: evictedAt !== null && level >= evictedAt ? evictedAt : null,
        }),
      ),
    );

  test("a latency that bends is found where it bends, whatever the noise", () => {
    const knee = fc.constantFrom(70, 80, 84, 88);
    let found = 0;
    fc.assert(
      fc.property(knee, fc.double({ min: 0, max: 0.2, noNaN: true }), seed, (bend, noise, own) => {
        const points = filled((level) => (level <= bend ? 3 : 3 + (level - bend) * 4), noise, own);
        const judgement = judgeMemory(points, memoryJudging);
        if (judgement.verdict === "inconclusive") return;
        found++;
        expect(Math.abs(judgement.capacity! - bend)).toBeLessThanOrEqual(10);
      }),
      { numRuns: 100, seed: 8 },
    );
    expect(found).toBeGreaterThan(90);
  });

  test("pure noise has no knee, however it is spread", () => {
    const values = fc.array(fc.double({ min: 1, max: 1000, noNaN: true }), { minLength: 50, maxLength: 50 });
    let knees = 0;
    fc.assert(
      fc.property(values, seed, fc.double({ min: 0, max: 10, noNaN: true }), (p99, own, noise) => {
        const drawn = measured(
          levels,
          () => 400,
          0,
          own,
          (level, draw) => ({
            used: level,
            p99: 3 * (1 + noise * Math.abs(draw())),
            evictedAt: level === 100 ? 100 : null,
          }),
        );
        const uniform = drawn.map((each, index) => ({ ...each, p99: p99[index]! }));
        for (const measurements of [drawn, uniform]) {
          if (judgeMemory(pointsOf(measurements), memoryJudging).limit === "knee") knees++;
        }
      }),
      { numRuns: 200, seed: 8 },
    );
    expect(knees).toBe(0);
  });

  test("without a knee the first eviction is the limit", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.2, noNaN: true }), seed, (noise, own) => {
        const judgement = judgeMemory(
          filled(() => 3, noise, own),
          memoryJudging,
        );
        expect(judgement).toMatchObject({
          verdict: "found",
          limit: "eviction",
          capacity: 100,
          safe: 75,
          estimates: [],
        });
      }),
      { numRuns: 50, seed: 8 },
    );
  });

  test.each([
    ["nothing that gives way", filled(() => 3, 0.01, 1, null), {}, /nothing gave way up to 100 %/],
    ["wild latencies", filled(() => 3, 30, 1), {}, /p99 of the same load is spread by \d+ %/],
    ["a rise that only one method sees", filled((level) => (level < 88 ? 3 : 5.5), 0, 1), {}, /no knee: threshold/],
    [
      "a method for throughput",
      filled(() => 3, 0, 1),
      { methods: ["kneedle", "usl"] as const },
      /for memory there are kneedle/,
    ],
    ["no latencies", filled(() => 3, 0, 1).map((point) => Object.assign(point, { p99: null })), {}, /no latencies/],
  ])("%s: inconclusive", (_, points, change, reason) => {
    const judgement = judgeMemory(points, { ...memoryJudging, ...change });
    expect(judgement).toMatchObject({ verdict: "inconclusive", capacity: null, safe: null });
    expect(judgement.reasons.join("; ")).toMatch(reason);
  });
});

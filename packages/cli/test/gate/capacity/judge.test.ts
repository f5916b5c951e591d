import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeMemory } from "../../../src/gate/capacity/judge-memory.ts";
import { judgeThroughput } from "../../../src/gate/capacity/judge-throughput.ts";
import { pointsOf } from "../../../src/gate/capacity/measurement.ts";
import { fitUsl } from "../../../src/gate/capacity/usl.ts";
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
      { numRuns: 300, seed: 8 },
    );
    expect(found).toBeGreaterThan(280);
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
      { numRuns: 150, seed: 8 },
    );
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
      { numRuns: 500, seed: 8 },
    );
  });
});

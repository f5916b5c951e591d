import fc from "fast-check";
import { aimd, CountWindow, errorRate, fixed, gradient, vegas } from "snowshed";
import type { LimitAlgorithm, LimitSample } from "snowshed";
import { describe, expect, test } from "vitest";

const bounds = { initial: 10, minimum: 2, maximum: 50 };
const algorithms: readonly [string, () => LimitAlgorithm][] = [
  ["gradient", () => gradient(bounds)],
  ["aimd", () => aimd(bounds)],
  ["vegas", () => vegas(bounds)],
  ["errorRate", () => errorRate({ minimum: 2, maximum: 50 })],
];

/** A service of so many slots, kept full: the latency is what a queue of all the rest makes of it. */
function saturate(algorithm: LimitAlgorithm, slots: number, latency: number, seconds: number, start: number = 0): void {
  let at = start;
  while (at < start + seconds * 1000) {
    const inflight = Math.floor(algorithm.limit);
    const longer = latency * Math.max(1, inflight / slots);
    at += longer / inflight;
    algorithm.sample({ latency: longer, inflight, dropped: false, at });
  }
}

/** So many at a time, of a limit that is higher. */
function idle(algorithm: LimitAlgorithm, inflight: number, latency: number, seconds: number, start: number = 0): void {
  for (let at = start; at < start + seconds * 1000; at += latency / inflight) {
    algorithm.sample({ latency, inflight, dropped: false, at });
  }
}

const number = fc.oneof(
  fc.double({ min: 0, max: 10_000, noNaN: true }),
  fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_VALUE),
);
const samples = fc.array(
  fc.record<LimitSample>({ latency: number, inflight: number, dropped: fc.boolean(), at: number }),
  { maxLength: 400 },
);

describe.each(algorithms)("%s", (_name, make) => {
  test("keeps its limit finite and within the bounds, whatever it is told", () => {
    fc.assert(
      fc.property(samples, (list) => {
        const algorithm = make();
        for (const sample of list) {
          algorithm.sample(sample);
          expect(algorithm.limit).toBeGreaterThanOrEqual(2);
          expect(algorithm.limit).toBeLessThanOrEqual(50);
        }
      }),
    );
  });

  test("comes to terms with a clock that goes back", () => {
    const algorithm = make();
    saturate(algorithm, 5, 20, 5, 1e9);
    saturate(algorithm, 5, 20, 5, 0);
    expect(algorithm.limit).toBeGreaterThanOrEqual(2);
    expect(Number.isFinite(algorithm.limit)).toBe(true);
  });
});

describe.each([
  ["gradient", gradient],
  ["aimd", aimd],
  ["vegas", vegas],
])("%s", (_name, make) => {
  test.each([Number.NaN, 0, -1, 1.5, 2 ** 53])("refuses %d as a bound", (value) => {
    const refused: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(() => make({ minimum: value })).toThrow(refused);
    expect(() => make({ maximum: value })).toThrow(refused);
    expect(() => make({ initial: value })).toThrow(refused);
  });

  test("refuses bounds that contradict each other", () => {
    expect(() => make({ minimum: 5, maximum: 4 })).toThrow(RangeError);
    expect(() => make({ initial: 5, maximum: 4 })).toThrow(RangeError);
    expect(make({ maximum: 4 }).limit).toBe(4);
  });
});

describe("gradient", () => {
  test.each([1, 2, 5, 20, 100])("finds the limit of a service of %i slots, from 20", (slots) => {
    const algorithm = gradient({ initial: 20 });
    saturate(algorithm, slots, 20, 60);
    expect(Math.floor(algorithm.limit)).toBeGreaterThanOrEqual(slots);
    expect(algorithm.limit).toBeLessThanOrEqual(Math.max(2 * slots, slots + 3));
  });

  test("sees within six seconds that one place was crowded when it began", () => {
    const algorithm = gradient({ initial: 8 });
    saturate(algorithm, 1, 25, 6);
    expect(algorithm.limit).toBeLessThanOrEqual(3);
  });

  test("leaves a limit alone that is not used", () => {
    const algorithm = gradient({ initial: 20 });
    idle(algorithm, 3, 20, 30);
    expect(algorithm.limit).toBe(20);
  });

  test("begins with what was in flight when three had ended, between 2 and 50", () => {
    const begin = (inflight: readonly number[], options?: { initial: number }) => {
      const algorithm = gradient(options);
      inflight.forEach((each, at) => algorithm.sample({ latency: 20, inflight: each, dropped: false, at: 20 + at }));
      return algorithm.limit;
    };
    expect(begin([])).toBe(50);
    expect(begin([7, 9])).toBe(50);
    expect(begin([7, 9, 8])).toBe(9);
    expect(begin([1, 1, 1])).toBe(2);
    expect(begin([300, 300, 300])).toBe(50);
    expect(begin([Number.NaN, 7, Number.POSITIVE_INFINITY, 9, 8])).toBe(9);
    expect(begin([7, 9, 8], { initial: 30 })).toBe(30);
  });

  test("does not stay where everything has been dropped from the beginning", () => {
    const algorithm = gradient();
    for (let at = 0; at < 20_000; at += 20) {
      algorithm.sample({ latency: 1000, inflight: Math.floor(algorithm.limit), dropped: true, at });
    }
    expect(algorithm.limit).toBe(1);
    // And finds back once what is admitted ends in time.
    saturate(algorithm, 20, 20, 20, 20_000);
    expect(algorithm.limit).toBeGreaterThanOrEqual(20);
  });

  test("takes a latency that no lower limit cures for the normal one", () => {
    const algorithm = gradient();
    saturate(algorithm, 20, 20, 20);
    const before = algorithm.limit;
    let most = 0;
    for (let second = 0; second < 20; second++) {
      saturate(algorithm, 60, 60, 1, 20_000 + 1000 * second);
      most = Math.max(most, algorithm.limit);
    }
    expect(most).toBeGreaterThan(2 * before);
    // A probe may be under way at the end.
    expect(algorithm.limit).toBeGreaterThan(before);
  });

  /** Three seconds in which one in `every` is dropped, whatever the limit. */
  function dropping(every: number) {
    const algorithm = gradient();
    idle(algorithm, 15, 20, 5);
    let most = algorithm.limit;
    let cuts = 0;
    let sample = 0;
    for (let at = 5000; at < 8000; at += 2) {
      const dropped = sample++ % every === 0;
      algorithm.sample({ latency: 20, inflight: Math.floor(algorithm.limit), dropped, at });
      if (algorithm.limit < 0.6 * most) cuts++;
      most = Math.max(most, algorithm.limit);
    }
    return { cuts, limit: algorithm.limit };
  }

  test("halves the limit when more than a tenth is dropped, and gives up when that does not help", () => {
    const { cuts, limit } = dropping(3);
    expect(cuts).toBeGreaterThan(0);
    expect(limit).toBeGreaterThanOrEqual(20);
  });

  test("never takes it for normal that most are dropped", () => {
    expect(dropping(1).limit).toBe(1);
  });
});

describe("aimd", () => {
  test("adds one per round, only while half of the limit is used", () => {
    const algorithm = aimd({ initial: 10 });
    for (let at = 0; at < 10; at++) algorithm.sample({ latency: 5, inflight: 10, dropped: false, at });
    expect(algorithm.limit).toBeCloseTo(11, 0);
    const before = algorithm.limit;
    for (let at = 10; at < 20; at++) algorithm.sample({ latency: 5, inflight: 4, dropped: false, at });
    expect(algorithm.limit).toBe(before);
  });

  test("takes all drops of one round for one", () => {
    const algorithm = aimd({ initial: 10 });
    for (let at = 100; at < 110; at++) algorithm.sample({ latency: 100, inflight: 10, dropped: true, at });
    expect(algorithm.limit).toBe(9);
    algorithm.sample({ latency: 50, inflight: 9, dropped: true, at: 200 });
    expect(algorithm.limit).toBeCloseTo(8.1);
  });

  test("takes what lasted longer than the timeout for dropped", () => {
    const algorithm = aimd({ initial: 10, timeout: "100ms" });
    algorithm.sample({ latency: 101, inflight: 10, dropped: false, at: 101 });
    expect(algorithm.limit).toBe(9);
  });
});

describe("vegas", () => {
  test("settles where a few are queued", () => {
    const algorithm = vegas({ initial: 40 });
    saturate(algorithm, 20, 20, 60);
    expect(algorithm.limit).toBeGreaterThan(10);
    expect(algorithm.limit).toBeLessThan(60);
  });

  test("grows from a limit of 1", () => {
    const algorithm = vegas({ initial: 1 });
    saturate(algorithm, 20, 20, 10);
    expect(algorithm.limit).toBeGreaterThan(5);
  });
});

describe("errorRate", () => {
  test("does not act on fewer than 20 samples", () => {
    const algorithm = errorRate();
    for (let at = 0; at < 19; at++) algorithm.sample({ latency: 5, inflight: 1, dropped: true, at });
    expect(algorithm.limit).toBe(100);
    algorithm.sample({ latency: 5, inflight: 1, dropped: true, at: 19 });
    expect(algorithm.limit).toBe(2);
  });

  test("opens by doubling per second at most, once twenty have succeeded in a row", () => {
    const algorithm = errorRate();
    for (let at = 0; at < 20; at++) algorithm.sample({ latency: 5, inflight: 1, dropped: true, at });
    expect(algorithm.limit).toBe(2);
    for (let at = 20; at < 40; at++) algorithm.sample({ latency: 5, inflight: 1, dropped: false, at });
    expect(algorithm.limit).toBeLessThan(2.1);
    algorithm.sample({ latency: 5, inflight: 1, dropped: false, at: 1040 });
    expect(algorithm.limit).toBeCloseTo(4, 0);
    for (let at = 2; at < 8; at++) algorithm.sample({ latency: 5, inflight: 1, dropped: false, at: 1000 * at + 40 });
    expect(algorithm.limit).toBe(100);
  });

  test("counts in the window it is given", () => {
    const algorithm = errorRate({ window: new CountWindow(20), preset: "article" });
    for (let at = 0; at < 20; at++) algorithm.sample({ latency: 5, inflight: 1, dropped: true, at: 60_000 * at });
    expect(algorithm.limit).toBe(2);
  });
});

test("fixed never moves", () => {
  const algorithm = fixed(7);
  saturate(algorithm, 1, 20, 5);
  expect(algorithm.limit).toBe(7);
  expect(() => fixed(0)).toThrow(RangeError);
});

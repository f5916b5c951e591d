// Chapter 4: the elastic breaker: limit = clamp(100·(1 − error rate), 2, 100) over a window of 10 s, tightened from 40 %
// on. The article's numbers to the letter, and a test for each flaw of the formula that errorRate() does not have.
import { CountWindow, errorRate, gradient, Limiter, TimeWindow } from "snowshed";
import type { LimitAlgorithm } from "snowshed";
import { describe, expect, test } from "vitest";
import { clock, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** So many calls within a second, of which so many are dropped, evenly spread. */
function calls(algorithm: LimitAlgorithm, total: number, dropped: number, start: number = 0): void {
  for (let index = 0; index < total; index++) {
    const isDropped = Math.floor(((index + 1) * dropped) / total) > Math.floor((index * dropped) / total);
    algorithm.sample({ latency: 5, inflight: 1, dropped: isDropped, at: start + (index * 1000) / total });
  }
}

describe("R13: the article's numbers", () => {
  test.each([
    [0, 100],
    [39, 100],
    [40, 60],
    [50, 50],
    [90, 10],
    [98, 2],
    [99, 2],
    [100, 2],
  ])("%i %% of errors: a limit of %i", (percent, limit) => {
    const algorithm = errorRate({ preset: "article" });
    calls(algorithm, 100, percent);
    expect(algorithm.limit).toBeCloseTo(limit);
  });

  test("errors count for ten seconds", () => {
    const algorithm = errorRate({ preset: "article" });
    calls(algorithm, 100, 100);
    algorithm.sample({ latency: 5, inflight: 1, dropped: false, at: 9000 });
    expect(algorithm.limit).toBe(2);
    algorithm.sample({ latency: 5, inflight: 1, dropped: false, at: 11_000 });
    expect(algorithm.limit).toBe(100);
  });
});

describe("R13: a ring of 100 against slices of time", () => {
  const rare = (algorithm: LimitAlgorithm) => {
    // Six calls a minute: ten fail, and then all is well for ten minutes.
    for (let call = 0; call < 70; call++) {
      algorithm.sample({ latency: 5, inflight: 1, dropped: call < 50, at: 10_000 * call });
    }
    return algorithm.limit;
  };

  test("where calls are rare, the ring still holds errors of minutes ago; the slices have forgotten them", () => {
    expect(rare(errorRate({ preset: "article", window: new CountWindow(100) }))).toBeLessThan(60);
    expect(rare(errorRate({ preset: "article", window: new TimeWindow({ length: "10s" }) }))).toBe(100);
  });

  test("where calls are many, the ring is a twentieth of a second; one hiccup of it closes the door", () => {
    const hiccup = (algorithm: LimitAlgorithm) => {
      // 2,000 calls a second, and 50 ms in which everything fails.
      for (let at = 0; at < 1000; at += 0.5) {
        algorithm.sample({ latency: 5, inflight: 1, dropped: at >= 950, at });
      }
      return algorithm.limit;
    };
    expect(hiccup(errorRate({ preset: "article", window: new CountWindow(100) }))).toBe(2);
    expect(hiccup(errorRate({ preset: "article" }))).toBe(100);
  });
});

describe("R13: the flaws of the formula", () => {
  test("1: 100 is a guess; the gradient finds what the service is", () => {
    const full = (algorithm: LimitAlgorithm) => {
      // Four at a time take 10 ms each; more wait.
      for (let at = 0; at < 20_000;) {
        const inflight = Math.floor(algorithm.limit);
        at += Math.max(10 / inflight, 2.5);
        algorithm.sample({ latency: Math.max(10, 2.5 * inflight), inflight, dropped: false, at });
      }
      return algorithm.limit;
    };
    expect(full(errorRate())).toBe(100);
    expect(full(gradient())).toBeLessThan(9);
  });

  test("2: it sees losses only: a latency a hundred times as long is nothing to it", () => {
    const algorithm = errorRate();
    for (let at = 0; at < 5000; at += 10) algorithm.sample({ latency: 900, inflight: 100, dropped: false, at });
    expect(algorithm.limit).toBe(100);
  });

  test("3: it jumps between 100 and 60 at 40 %; made sound, it opens gradually", () => {
    const literal = errorRate({ preset: "article" });
    const sound = errorRate();
    for (const algorithm of [literal, sound]) {
      calls(algorithm, 100, 60);
      for (let call = 0; call < 60; call++) {
        algorithm.sample({ latency: 5, inflight: 1, dropped: false, at: 1000 + call });
      }
    }
    expect(literal.limit).toBe(100);
    expect(sound.limit).toBeLessThan(60);
  });

  test("5: it does not probe: made sound, successes open it before the old errors have left the window", () => {
    const literal = errorRate({ preset: "article" });
    const sound = errorRate();
    for (const algorithm of [literal, sound]) {
      calls(algorithm, 100, 100);
      for (let call = 0; call < 70; call++) {
        algorithm.sample({ latency: 5, inflight: 1, dropped: false, at: 1000 + 100 * call });
      }
    }
    expect(literal.limit).toBeLessThan(60);
    expect(sound.limit).toBe(100);
  });

  test("6: the limiter is resized, not replaced: what is in flight still counts", () => {
    const algorithm = errorRate();
    const limiter = new Limiter({ algorithm, clock });
    const permits = Array.from({ length: 100 }, () => limiter.tryAcquire());
    for (const permit of permits.slice(0, 50)) permit?.dropped();
    expect([limiter.limit, limiter.inflight]).toEqual([2, 50]);
    expect(limiter.tryAcquire()).toBeUndefined();
    for (const permit of permits.slice(50)) permit?.ignore();
    expect(limiter.inflight).toBe(0);
  });

  test("7, 8, 11: errors that are the caller's own, refusals and cancellations are no samples", async () => {
    const limiter = new Limiter({ algorithm: errorRate(), clock });
    for (let call = 0; call < 100; call++) {
      await expect(limiter.run(() => Promise.reject(new TypeError("no such field")))).rejects.toThrow(TypeError);
    }
    expect(limiter.limit).toBe(100);
  });

  test("10: one failure of one is not 100 %", () => {
    const literal = errorRate({ preset: "article" });
    const sound = errorRate();
    for (const algorithm of [literal, sound]) algorithm.sample({ latency: 5, inflight: 1, dropped: true, at: 0 });
    expect([literal.limit, sound.limit]).toEqual([2, 100]);
  });
});

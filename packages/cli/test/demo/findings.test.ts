import { describe, expect, test } from "vitest";
import { demoTable } from "../../src/demo/demo-text.ts";
import { demoReport, lagNote } from "../../src/demo/demo-report.ts";
import { findingsOf } from "../../src/demo/findings.ts";
import type { Fate } from "../../src/demo/messages.ts";
import type { Recording } from "../../src/demo/scene.ts";
import { arrivals, capacity, timeline } from "../../src/demo/timeline.ts";

const plan = timeline(13);

/** A recording in which a user who comes at `at` fares as `fate(at)` says. */
function recording(fate: (at: number) => readonly [Fate, number]): Recording {
  return {
    protection: { name: "x", title: "an <arrangement>", description: "" },
    plan,
    fates: arrivals(plan, 1).map((at) => {
      const [own, latency] = fate(at);
      return [at, own, latency] as const;
    }),
    gauges: [
      { at: 100, received: 10, inflight: 3, limit: 20, rss: 1e6 },
      { at: 12_900, received: 3000, inflight: 70, limit: null, rss: 2e6 },
    ],
    lag: 2,
  };
}

describe("arrivals", () => {
  test("are the same for the same seed, others for another, and in order", () => {
    const first = arrivals(plan, 1);
    expect(arrivals(plan, 1)).toEqual(first);
    expect(arrivals(plan, 2)).not.toEqual(first);
    expect(first.toSorted((a, b) => a - b)).toEqual(first);
  });

  test("come as often as the phases say", () => {
    // Over a long time: the sum of Poisson arrivals is within five standard deviations of its mean.
    const long = timeline(13_000);
    const times = arrivals(long, 3);
    let from = 0;
    for (const { seconds, load } of long) {
      const end = from + seconds * 1000;
      const mean = seconds * load * capacity;
      const count = times.filter((at) => at >= from && at < end).length;
      expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean));
      from = end;
    }
  });
});

describe("findings", () => {
  test("of users who all fare well: goodput is what they asked for", () => {
    const findings = findingsOf(recording(() => ["good", 50]));
    expect(findings.goodput).toBeGreaterThan(2.5);
    expect(findings).toMatchObject({ p50: 50, p99: 50, shed: 0, refusalP99: null });
    expect(findings).toMatchObject({ recoveredAfterOverload: 0, recoveredAfterFault: 0, mostInflight: 70 });
    expect(findings.attempts).toBeCloseTo(3000 / arrivals(plan, 1).length);
  });

  test("of a collapse: nothing is good, and nobody is well again", () => {
    const findings = findingsOf(recording((at) => (at < 2000 ? ["good", 50] : ["failed", 1000])));
    expect(findings).toMatchObject({ goodput: 0, p99: null, shed: 0 });
    expect(findings.recoveredAfterOverload).toBe(Number.POSITIVE_INFINITY);
    expect(findings.recoveredAfterFault).toBe(Number.POSITIVE_INFINITY);
  });

  test("of shedding: who was refused and how soon, and when they are well again", () => {
    const findings = findingsOf(
      recording((at) => {
        if (at >= 2000 && at < 6000) return Math.floor(at) % 2 === 0 ? ["shed", 3] : ["good", 80];
        return at >= 6000 && at < 7000 ? ["failed", 1000] : ["good", 50];
      }),
    );
    expect(findings.shed).toBeGreaterThan(0.4);
    expect(findings).toMatchObject({ refusalP99: 3, p50: 80, recoveredAfterOverload: 1000, recoveredAfterFault: 0 });
  });

  test("of a recording that was cut short: nothing is claimed", () => {
    const empty = { ...recording(() => ["good", 1]), fates: [], gauges: [] };
    expect(findingsOf(empty)).toMatchObject({
      goodput: null,
      p50: null,
      shed: null,
      recoveredAfterOverload: null,
      attempts: null,
      mostInflight: 0,
    });
  });
});

describe("what is shown", () => {
  const good = findingsOf(recording(() => ["good", 50]));
  const bad = findingsOf(recording(() => ["failed", 1000]));

  test("the table says never, and has no colour where there is to be none", () => {
    const table = demoTable([good, bad], { title: "next", note: "calm: 1 s of 13" }, false);
    expect(table).toContain("never");
    expect(table).toContain("calm: 1 s of 13");
    expect(table).not.toContain("\u001B");
    expect(demoTable([good, bad], undefined, true)).toContain("\u001B[31m");
  });

  test("a busy machine is owned up to", () => {
    expect(lagNote([good])).toContain("at most 2 ms late");
    expect(lagNote([good, { ...bad, lag: 40 }])).toContain("The machine was busy");
  });

  test("the page needs nothing but itself, and shows names as text", async () => {
    const page = await demoReport([recording(() => ["good", 50])]);
    expect(page).toContain("an &lt;arrangement>");
    expect(page).not.toContain("an <arrangement>");
    expect(page).not.toMatch(/(?:src|href)\s*=\s*["']?(?:https?:)?\/\//);
    expect(page).toContain("new uPlot(");
    expect(page).toContain("Goodput: orders answered within a second");
  });
});

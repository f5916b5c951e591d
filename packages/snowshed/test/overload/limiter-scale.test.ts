// Many waiters: the work grows with their number and no faster.
import { beforeAll, describe, expect, test } from "vitest";
import { growthOf } from "../support/growth.ts";

const full = `
  const { fixed, Limiter } = await import("snowshed");
  const { FakeClock } = await import("snowshed/testing");
  const clock = new FakeClock();
  const limiter = new Limiter({ algorithm: fixed(3), maxQueue: size, clock });
  const permits = [1, 2, 3].map(() => limiter.tryAcquire());
  const leave = (permit) => permit.success();
  const bands = ["critical", "high", "normal", "low"];
  const acquire = (index, signal) => limiter.acquire({ signal, priority: bands[index % 4] }).then(leave, () => {});
`;

const settled = `
  await Promise.all(all);
  if (limiter.queued + limiter.inflight !== 0) throw new Error("places or waiters are left");
`;

const scenarios = {
  "all are served in turn": `
    ${full}
    const all = Array.from({ length: size }, (_, index) => acquire(index));
    permits.forEach(leave);
    ${settled}
  `,
  "half abort, from the back": `
    ${full}
    const sources = Array.from({ length: size / 2 }, () => Context.background.withCancel());
    const all = Array.from({ length: size }, (_, index) => acquire(index, sources[index >> 1 << 1 === index ? index / 2 : -1]));
    for (const each of sources.toReversed()) each.cancel();
    if (limiter.queued !== size / 2) throw new Error("queued = " + limiter.queued + "; want " + size / 2);
    permits.forEach(leave);
    ${settled}
  `,
  "half abort, by one context, as it is served": `
    ${full}
    const context = Context.background.withCancel();
    const all = Array.from({ length: size }, (_, index) => acquire(index, index % 2 === 0 ? context : undefined));
    permits.forEach(leave);
    context.cancel();
    ${settled}
  `,
  "all are shed": `
    ${full}
    const all = Array.from({ length: size - 1 }, (_, index) => acquire(index));
    await clock.advance(21);
    limiter.mayWait(21);
    await clock.advance(100);
    limiter.mayWait(121);
    if (limiter.queued !== 0) throw new Error("queued = " + limiter.queued + "; want 0");
    permits.forEach(leave);
    ${settled}
  `,
  "the control: a search for each": `
    const all = [];
    for (let index = 0; index < size; index++) {
      for (const each of all) if (each === index) break;
      all.push(index);
    }
  `,
};

let growth: Readonly<Record<string, number>> = {};
beforeAll(async () => {
  growth = await growthOf(scenarios);
}, 120_000);

describe("twice the waiters are twice the work", () => {
  test.each(Object.keys(scenarios).filter((name) => !name.startsWith("the control")))("%s", (name) => {
    expect(growth[name]).toBeLessThan(2.2);
    expect(growth[name]).toBeGreaterThan(1.8);
  });

  test("the control: quadratic work is seen", () => {
    expect(growth["the control: a search for each"]).toBeGreaterThan(3.5);
  });
});

// Many waiters: the work grows with their number and no faster.
import { Context, Semaphore } from "snowshed";
import { beforeAll, describe, expect, test } from "vitest";
import { growthOf } from "../support/growth.ts";

const full = `
  const semaphore = new Semaphore(3);
  semaphore.tryAcquire(3);
`;

/** Half of the waiters give up, the others get their turn. */
const halfAbort = (signals: string, abort: string): string => `
  ${full}
  ${signals}
  const all = [];
  for (let index = 0; index < size; index++) {
    const signal = index % 2 === 0 ? Context.background : sourceOf(index);
    all.push(semaphore.acquire(1, { signal }).then(() => semaphore.release(), () => {}));
  }
  ${abort}
  if (semaphore.pending !== size / 2) throw new Error("pending = " + semaphore.pending + "; want " + size / 2);
  semaphore.release(3);
  await Promise.all(all);
`;

const own =
  "const sources = []; const sourceOf = () => { sources.push(Context.background.withCancel()); return sources.at(-1); };";
const shared = "const one = Context.background.withCancel(); const sourceOf = () => one;";

const scenarios = {
  "all are served in turn": `
    ${full}
    const all = Array.from({ length: size }, () => semaphore.acquire().then(() => semaphore.release()));
    semaphore.release(3);
    await Promise.all(all);
  `,
  "half abort, from the front": halfAbort(own, "for (const each of sources) each.cancel();"),
  "half abort, from the back": halfAbort(own, "for (const each of sources.toReversed()) each.cancel();"),
  "half abort, by one context": halfAbort(shared, "one.cancel();"),
  "they are paused by resize(0), and half abort from the front": `
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const contexts = Array.from({ length: size }, () => Context.background.withCancel());
    const acquire = (signal) => semaphore.acquire(1, { signal, allowOversize: true }).catch(() => {});
    const all = contexts.map(acquire);
    semaphore.resize(0);
    semaphore.release();
    for (const context of contexts.slice(0, size / 2)) context.cancel();
    semaphore.resize(size);
    await Promise.all(all);
  `,
  "as many that are oversize stand aside before them": `
    ${full}
    const aside = Array.from({ length: size }, () => semaphore.acquire(9, { allowOversize: true }));
    const small = Array.from({ length: size }, () => semaphore.acquire().then(() => semaphore.release()));
    semaphore.release(3);
    await Promise.all(small);
    semaphore.resize(9 * size);
    await Promise.all(aside);
  `,
  "a shrink refuses them all": `
    ${full}
    const all = Array.from({ length: size }, () => semaphore.acquire(3).catch(() => {}));
    semaphore.resize(2);
    await Promise.all(all);
  `,
  "a queue is searched": `
    const queue = Array.from({ length: size }, (_, index) => index);
    for (let wanted = size - 1; wanted >= 0; wanted--) {
      let place = 0;
      while (queue[place] !== wanted) place++;
      queue.splice(place, 1);
    }
  `,
};

describe("the work for twice as many waiters", () => {
  let growth: Readonly<Record<string, number>>;

  beforeAll(async () => {
    growth = await growthOf(scenarios);
  }, 120_000);

  test.each(Object.keys(scenarios).slice(0, -1))("is twice as much when %s", (name) => {
    expect(growth[name]).toBeGreaterThan(1.95);
    expect(growth[name]).toBeLessThan(2.05);
  });

  test("is four times as much when a queue is searched: the count would show it", () => {
    expect(growth["a queue is searched"]).toBeGreaterThan(3.9);
  });
});

describe("100,000 waiters", { timeout: 30_000 }, () => {
  test.each([
    ["none", 0],
    ["half", 2],
  ])("are all settled when %s of them abort", async (_part, every) => {
    const count = 100_000;
    const semaphore = new Semaphore(3);
    semaphore.tryAcquire(3);
    const context = Context.background.withCancel();
    const settled = { granted: 0, refused: 0 };
    const granted = (): void => {
      settled.granted++;
      semaphore.release();
    };
    const refused = (): void => void settled.refused++;
    const all: Promise<void>[] = [];
    for (let index = 0; index < count; index++) {
      const signal = every > 0 && index % every === 0 ? context : undefined;
      all.push(semaphore.acquire(1, { signal }).then(granted, refused));
    }
    context.cancel();
    semaphore.release(3);
    await Promise.all(all);
    const aborted = every > 0 ? count / every : 0;
    expect(settled).toEqual({ granted: count - aborted, refused: aborted });
    expect([semaphore.available, semaphore.pending]).toEqual([3, 0]);
  });
});

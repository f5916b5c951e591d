import { Context, forEachConcurrent, mapConcurrent } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { drained } from "../support/promises.ts";
import type { CountedSource } from "../support/sources.ts";
import { numbers, sourceKinds } from "../support/sources.ts";

type Mapped = (source: CountedSource<number>["iterable"], ordered: boolean) => AsyncIterable<number>;

const bounded: Mapped = (source, ordered) => mapConcurrent(source, (item) => item, { concurrency: 4, ordered });

/** What a map without backpressure does: it reads on while its consumer is busy. */
const greedy: Mapped = async function* (source) {
  const read: number[] = [];
  const reading = (async () => {
    for await (const item of source) if (read.push(item) > 500) break;
  })();
  for (let index = 0; ; index++) {
    if (index >= read.length) await reading;
    yield read[index]!;
  }
};

/** The most items ever read from an endless source and not yet delivered to a consumer that takes its time. */
async function mostAhead(map: Mapped, source: CountedSource<number>, ordered: boolean): Promise<number> {
  let most = 0;
  let delivered = 0;
  for await (const _result of map(source.iterable, ordered)) {
    delivered++;
    // A slow consumer: everything that can be read ahead is read now.
    await drained();
    most = Math.max(most, source.pulled - delivered);
    if (delivered === 200) break;
  }
  return most;
}

describe.each(sourceKinds)("over an endless source that is %s", (kind) => {
  test.each([true, false])("mapConcurrent reads no more than `concurrency` ahead, ordered: %j", async (ordered) => {
    expect(await mostAhead(bounded, numbers(kind), ordered)).toBe(4);
  });

  test("a slow first result holds the ordered ones back, and with them the source", async () => {
    const clock = new FakeClock();
    const source = numbers(kind);
    const results = mapConcurrent(source.iterable, (item, context) => context.sleep(item === 0 ? 1000 : 1), {
      concurrency: 4,
      signal: Context.root({ clock }),
    });
    const first = results.next();
    await clock.advance(999);
    expect(source.pulled).toBe(4);
    await clock.advance(1);
    await first;
    await results.return();
  });

  test("forEachConcurrent reads no more than `concurrency` items that have not ended", async () => {
    const source = numbers(kind);
    let ended = 0;
    let most = 0;
    const task = async (item: number): Promise<void> => {
      await drained();
      most = Math.max(most, source.pulled - ended);
      ended++;
      if (item === 100) throw new Error("enough");
    };
    await expect(forEachConcurrent(source.iterable, task, { concurrency: 4 })).rejects.toThrow("enough");
    expect(most).toBe(4);
  });

  test("the negative control: a greedy map is caught by the same count", async () => {
    expect(await mostAhead(greedy, numbers(kind), true)).toBeGreaterThan(300);
  });
});

describe("garbage", () => {
  test("results that were delivered are not kept by the run, nor are their items", async () => {
    const results = mapConcurrent(objects(), (item) => ({ item }), { concurrency: 3 });
    const isCollected = await collected(async () => {
      const { value } = await results.next();
      // Two more, since the engine may keep what was passed last.
      for (let more = 0; more < 6; more++) await results.next();
      return new WeakRef((value as { item: object }).item);
    });
    expect(isCollected).toBe(true);
    await results.return();
  });

  test("a map that was left half way can be collected although its signal lives on", async () => {
    const controller = new AbortController();
    const isCollected = await collected(async () => {
      const results = mapConcurrent(objects(), (item) => item, { concurrency: 3, signal: controller.signal });
      await results.next();
      await results.return();
      return new WeakRef(results);
    });
    expect(isCollected).toBe(true);
    expect(controller.signal.aborted).toBe(false);
  });

  test("a map that nobody has started can be collected although its signal lives on", async () => {
    const controller = new AbortController();
    const isCollected = await collected(
      () => new WeakRef(mapConcurrent([1], (item) => item, { concurrency: 3, signal: controller.signal })),
    );
    expect(isCollected).toBe(true);
    expect(controller.signal.aborted).toBe(false);
  });

  test("the negative control: a started one that nobody has left is held by its signal", async () => {
    const controller = new AbortController();
    const isCollected = await collected(async () => {
      const results = mapConcurrent(objects(), (item) => item, { concurrency: 3, signal: controller.signal });
      await results.next();
      return new WeakRef(results);
    }, 3);
    expect(isCollected).toBe(false);
    controller.abort();
  });
});

function* objects(): Generator<object> {
  while (true) yield {};
}

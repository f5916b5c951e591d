// Chapter 2.4: WaitGroup + channel: wait gracefully while results stream to the consumer; close ends the loop.
import { Channel, Context, mapConcurrent, WaitGroup } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";

describe("R05: the article's pipeline", () => {
  test("delivers every result and then ends the loop", async () => {
    const results = new Channel<number>(10);
    const group = new WaitGroup();
    for (let id = 0; id < 3; id++) {
      group.add();
      void (async () => {
        try {
          await results.send(id * 2);
        } finally {
          group.done();
        }
      })();
    }
    void group.wait().then(() => results.close());
    const consumed: number[] = [];
    for await (const result of results) consumed.push(result);
    expect(consumed.toSorted((a, b) => a - b)).toEqual([0, 2, 4]);
  });

  test("streams: a result is consumed while other tasks still run", async () => {
    const clock = new FakeClock();
    const root = Context.root({ clock });
    const results = new Channel<number>(10);
    const group = new WaitGroup();
    for (const ms of [30, 10, 20]) {
      group.go(async () => {
        await root.sleep(ms);
        await results.send(ms);
      });
    }
    void group.wait().then(() => results.close());
    const consumed: [number, number][] = [];
    const end = (async () => {
      for await (const result of results) consumed.push([clock.now(), result]);
      return clock.now();
    })();
    await clock.advance("1s");
    expect(consumed).toEqual([
      [10, 10],
      [20, 20],
      [30, 30],
    ]);
    await end;
    expect(clock.pending).toBe(0);
  });

  test("counts down also when a task fails, so that the loop ends and the error surfaces", async () => {
    const results = new Channel<number>(10);
    const group = new WaitGroup();
    for (let id = 0; id < 3; id++) {
      group.go(async () => {
        if (id === 1) throw new Error("task 1");
        await results.send(id * 2);
      });
    }
    const ended = observe(group.wait().finally(() => results.close()));
    const consumed: number[] = [];
    for await (const result of results) consumed.push(result);
    expect(consumed).toEqual([0, 4]);
    await drained();
    expect(ended.outcome).toEqual({ status: "rejected", reason: new Error("task 1") });
  });
});

describe("R05: what the article warns of", () => {
  test("without close() the consumer's loop never ends", async () => {
    const results = new Channel<number>(10);
    const group = new WaitGroup();
    group.go(() => results.send(1));
    const consumed: number[] = [];
    const loop = observe(
      (async () => {
        for await (const result of results) consumed.push(result);
      })(),
    );
    await group.wait();
    for (let turn = 0; turn < 10; turn++) await drained();
    expect([consumed, loop.outcome.status]).toEqual([[1], "pending"]);
    // The negative control.
    results.close();
    await drained();
    expect(loop.outcome.status).toBe("fulfilled");
  });

  test("close() before wait() makes the sender that comes later fail, by name", async () => {
    const results = new Channel<number>(10);
    const group = new WaitGroup();
    group.go(async () => {
      await drained();
      await results.send(1);
    });
    results.close();
    await expect(group.wait()).rejects.toMatchObject({ code: "SNOWSHED_CHANNEL_CLOSED" });
  });

  test("wait() before the loop, without a buffer, waits for ever: the senders wait for a receiver", async () => {
    for (const [capacity, status] of [
      [0, "pending"],
      [2, "pending"],
      [3, "fulfilled"],
    ] as const) {
      const results = new Channel<number>(capacity);
      const group = new WaitGroup();
      for (let id = 0; id < 3; id++) group.go(() => results.send(id));
      const waiting = observe(group.wait());
      for (let turn = 0; turn < 10; turn++) await drained();
      expect(waiting.outcome.status).toBe(status);
      while (results.tryReceive() !== undefined);
      await group.wait();
    }
  });

  test("a closed channel can still be read, and not be written", async () => {
    const results = new Channel<number>(10);
    results.trySend(1);
    results.close();
    expect(await results.receive()).toEqual({ done: false, value: 1 });
    expect(await results.receive()).toEqual({ done: true, value: undefined });
    expect(() => results.trySend(2)).toThrow(expect.objectContaining({ code: "SNOWSHED_CHANNEL_CLOSED" }) as Error);
  });
});

describe("R05: the same in one call", () => {
  test("mapConcurrent streams, waits, ends the loop, limits, and loses no error", async () => {
    const clock = new FakeClock();
    const root = Context.root({ clock });
    const consumed: number[] = [];
    let alive = 0;
    let most = 0;
    const task = async (id: number, context: Context): Promise<number> => {
      most = Math.max(most, ++alive);
      await context.sleep(10 - id);
      alive--;
      if (id === 4) throw new Error("task 4");
      return id * 2;
    };
    const options = { concurrency: 2, ordered: false, signal: root };
    const loop = observe(
      (async () => {
        for await (const result of mapConcurrent([0, 1, 2, 3, 4, 5], task, options)) consumed.push(result);
      })(),
    );
    await clock.advance("1s");
    expect(loop.outcome).toEqual({ status: "rejected", reason: new Error("task 4") });
    expect(consumed).toEqual([2, 0, 4, 6, 10]);
    expect([most, clock.pending]).toEqual([2, 0]);
  });
});

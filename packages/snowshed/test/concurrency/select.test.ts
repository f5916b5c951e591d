// Go's table of select, row by row.
import type { SnowshedError } from "snowshed";
import { Channel, Context, receive, select, send, trySelect } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";

const closed = expect.objectContaining({ code: "SNOWSHED_CHANNEL_CLOSED" }) as SnowshedError;

function channelOf<T>(capacity: number, ...values: T[]): Channel<T> {
  const channel = new Channel<T>(capacity);
  for (const each of values) expect(channel.trySend(each)).toBe(true);
  return channel;
}

/** Whether anybody waits to receive from, or to send to, a channel of capacity 0. */
function waiting(channel: Channel<number>): { receivers: boolean; senders: boolean } {
  return { receivers: channel.trySend(-1), senders: channel.tryReceive() !== undefined };
}
const nobody = { receivers: false, senders: false };

describe("select() with a case that is ready", () => {
  test("does a receive: index, value, done", async () => {
    const [empty, full] = [new Channel<string>(), channelOf(1, "a")];
    expect(await select([receive(empty), receive(full)])).toEqual({ index: 1, value: "a", done: false });
    expect(full.size).toBe(0);
  });

  test("does a send", async () => {
    const [full, empty] = [channelOf(1, 1), new Channel<number>(1)];
    expect(await select([send(full, 2), send(empty, 3)])).toEqual({ index: 1, value: undefined, done: false });
    expect([full.tryReceive(), empty.tryReceive()]).toEqual([
      { done: false, value: 1 },
      { done: false, value: 3 },
    ]);
  });

  test("meets a blocked sender and a blocked receiver", async () => {
    const channel = new Channel<number>();
    const sent = channel.send(1);
    expect(await select([receive(channel)])).toEqual({ index: 0, value: 1, done: false });
    const received = channel.receive();
    expect(await select([send(channel, 2)])).toEqual({ index: 0, value: undefined, done: false });
    expect(await Promise.all([sent, received])).toEqual([undefined, { done: false, value: 2 }]);
  });

  test("does exactly one of those that are ready", async () => {
    for (let round = 0; round < 50; round++) {
      const [one, other, out] = [channelOf(2, 1, 2), channelOf(2, 1, 2), new Channel<number>(2)];
      const { index } = await select([receive(one), receive(other), send(out, 1)]);
      const sizes = [one.size, other.size, out.size];
      expect(sizes.with(index, sizes[index]! - (index === 2 ? 1 : -1))).toEqual([2, 2, 0]);
    }
  });

  test("takes it before it returns", async () => {
    const channel = channelOf(1, 1);
    const chosen = select([receive(channel)]);
    expect(channel.size).toBe(0);
    expect((await chosen).value).toBe(1);
  });
});

describe("select() that has to wait", () => {
  test("does the first case that becomes ready, and no other", async () => {
    const channels = [new Channel<number>(), new Channel<number>()] as const;
    const chosen = observe(select([receive(channels[0]), receive(channels[1])]));
    await drained();
    expect(chosen.outcome.status).toBe("pending");
    expect([channels[1].trySend(1), channels[0].trySend(2), channels[1].trySend(3)]).toEqual([true, false, false]);
    await drained();
    expect(chosen.outcome).toEqual({ status: "fulfilled", value: { index: 1, value: 1, done: false } });
  });

  test("a send completes when its value was taken, and not before", async () => {
    const [left, right] = [new Channel<number>(), new Channel<number>()];
    const chosen = observe(select([send(left, 1), send(right, 2)]));
    await drained();
    expect(chosen.outcome.status).toBe("pending");
    expect([right.tryReceive(), right.tryReceive(), left.tryReceive()]).toEqual([
      { done: false, value: 2 },
      undefined,
      undefined,
    ]);
    await drained();
    expect(chosen.outcome).toMatchObject({ value: { index: 1, done: false } });
  });

  test("waits in turn with plain operations", async () => {
    const channel = new Channel<number>();
    const results = [channel.receive(), select([receive(channel)]), channel.receive()];
    for (const value of [1, 2, 3]) channel.trySend(value);
    expect((await Promise.all(results)).map(({ value }) => value)).toEqual([1, 2, 3]);
  });

  test("the same channel twice is two chances for one operation", async () => {
    const channel = new Channel<number>();
    const chosen = select([receive(channel), receive(channel), send(channel, 9), send(channel, 9)]);
    expect([channel.trySend(1), channel.trySend(2)]).toEqual([true, false]);
    expect([(await chosen).value, waiting(channel)]).toEqual([1, nobody]);
  });

  test("leaves no trace in the queues of the losers", async () => {
    const channels = Array.from({ length: 3 }, () => new Channel<number>());
    for (let round = 0; round < 100; round++) {
      const chosen = select(channels.flatMap((channel) => [receive(channel), send(channel, round)]));
      expect(channels[round % 3]!.trySend(round)).toBe(true);
      expect((await chosen).value).toBe(round);
    }
    expect(channels.map(waiting)).toEqual([nobody, nobody, nobody]);
    // The negative control: one that still waits is seen.
    void select([receive(channels[1]!), send(channels[2]!, 1)]);
    expect(waiting(channels[2]!)).toEqual({ receivers: false, senders: true });
  });
});

describe("closed channels", () => {
  test("a receive from one is ready, with the end; values in it come first", async () => {
    const channel = channelOf(1, 1);
    channel.close();
    expect(await select([receive(channel)])).toEqual({ index: 0, value: 1, done: false });
    expect(await select([null, receive(channel)])).toEqual({ index: 1, value: undefined, done: true });
  });

  test("a send to one is ready, and rejects if chosen", async () => {
    const channel = new Channel<number>(1);
    channel.close();
    await expect(select([send(channel, 1)])).rejects.toThrow(closed);
    expect(() => trySelect([send(channel, 1)])).toThrow(closed);
  });

  test("a waiting select gets the end of what it receives from", async () => {
    const [left, right] = [new Channel<number>(), new Channel<number>()];
    const chosen = select([receive(left), receive(right)]);
    right.close();
    expect([await chosen, waiting(left)]).toEqual([{ index: 1, value: undefined, done: true }, nobody]);
  });

  test("a waiting select is rejected when the channel it sends to is closed, and leaves the others", async () => {
    const [left, right] = [new Channel<number>(), new Channel<number>()];
    const chosen = outcome(select([receive(left), send(right, 1)]));
    right.close();
    expect([await chosen, waiting(left)]).toEqual([{ status: "rejected", reason: closed }, nobody]);
    right.tryReceive();
  });

  test("a select that waits on a closing channel more than once gets one answer", async () => {
    const channel = new Channel<number>();
    const chosen = outcome(select([receive(channel), receive(channel), send(channel, 1)]));
    channel.close();
    expect((await chosen).status).not.toBe("pending");
  });
});

describe("cases that are switched off", () => {
  test("null and undefined are passed over, and counted in the index", async () => {
    const channel = channelOf(1, "a");
    expect(await select([null, undefined, receive(channel)])).toEqual({ index: 2, value: "a", done: false });
    const chosen = select([undefined, receive(channel), null]);
    channel.trySend("b");
    expect(await chosen).toEqual({ index: 1, value: "b", done: false });
  });

  test("a merge switches a source off when that has ended (the idiom of Go's nil channel)", async () => {
    const [left, right] = [channelOf(3, 1, 2, 3), channelOf(3, 4, 5, 6)];
    for (const channel of [left, right]) channel.close();
    const merged: number[] = [];
    let open: [Channel<number> | null, Channel<number> | null] = [left, right];
    while (open.some(Boolean)) {
      const chosen = await select([open[0] && receive(open[0]), open[1] && receive(open[1])]);
      if (chosen.done) open = open.with(chosen.index, null) as typeof open;
      else merged.push(chosen.value);
    }
    expect(merged.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(merged.filter((value) => value < 4)).toEqual([1, 2, 3]);
  });

  test("all of them without a signal is an error: nothing could end the wait", () => {
    for (const cases of [[], [null], [undefined, null]]) {
      expect(() => select(cases)).toThrow(TypeError);
      expect(() => select(cases)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
      expect(trySelect(cases)).toBeUndefined();
    }
  });

  test("all of them with a signal waits for that (Go's empty select)", async () => {
    const context = Context.background.withCancel();
    const chosen = observe(select([null], { signal: context }));
    await drained();
    expect(chosen.outcome.status).toBe("pending");
    context.cancel();
    await drained();
    expect(chosen.outcome).toEqual({ status: "rejected", reason: context.reason });
  });
});

describe("a select and itself", () => {
  test("never match", async () => {
    const channel = new Channel<number>();
    const chosen = observe(select([send(channel, 1), receive(channel)]));
    await drained();
    expect([chosen.outcome.status, trySelect([null])]).toEqual(["pending", undefined]);
    expect(channel.tryReceive()).toEqual({ done: false, value: 1 });
    await drained();
    expect([chosen.outcome, waiting(channel)]).toMatchObject([{ value: { index: 0 } }, nobody]);
  });
});

describe("two selects that meet", () => {
  test("on one channel: one sends, the other receives", async () => {
    const channel = new Channel<number>();
    const both = [1, 2].map((value) => select([send(channel, value), receive(channel)]));
    const [first, second] = await Promise.all(both);
    expect([first!.index, second!.index].toSorted()).toEqual([0, 1]);
    expect(first!.index === 0 ? second!.value : first!.value).toBe(first!.index === 0 ? 1 : 2);
    expect(waiting(channel)).toEqual(nobody);
  });

  test("on two channels crosswise: exactly one value passes", async () => {
    for (let round = 0; round < 50; round++) {
      const [left, right] = [new Channel<number>(), new Channel<number>()];
      const [first, second] = await Promise.all([
        select([send(left, 1), receive(right)]),
        select([receive(left), send(right, 2)]),
      ]);
      expect(first.index).toBe(second.index);
      expect([first.value, second.value]).toEqual(first.index === 0 ? [undefined, 1] : [2, undefined]);
      expect([waiting(left), waiting(right)]).toEqual([nobody, nobody]);
    }
  });

  test("in a ring of a hundred, a token goes round", async () => {
    const ring = Array.from({ length: 100 }, () => new Channel<number>());
    const done = ring.map(async (channel, index) => {
      const { value } = await select([receive(channel)]);
      if (index < 99) await select([null, send(ring[index + 1]!, (value ?? 0) + 1)]);
      return value;
    });
    await ring[0]!.send(0);
    expect(await Promise.all(done)).toEqual(ring.map((_, index) => index));
  });
});

describe("trySelect()", () => {
  test("is undefined only when no case is ready at that instant, and leaves nothing behind", () => {
    const [left, right] = [new Channel<number>(), channelOf(1, 1)];
    expect(trySelect([receive(left), send(right, 2), null])).toBeUndefined();
    expect([waiting(left), right.size]).toEqual([nobody, 1]);
    expect(trySelect([receive(left), receive(right)])).toEqual({ index: 1, value: 1, done: false });
    expect(trySelect([send(right, 3)])).toEqual({ index: 0, value: undefined, done: false });
    expect(right.size).toBe(1);
  });
});

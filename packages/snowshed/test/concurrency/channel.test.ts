// Go's table of channel behaviour, row by row.
import { Channel, SnowshedError } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";

const closed = expect.objectContaining({ code: "SNOWSHED_CHANNEL_CLOSED" }) as SnowshedError;
const value = (received: unknown): unknown => ({ done: false, value: received });
const end = { done: true, value: undefined };

/** A channel with that in its buffer. */
function channelOf<T>(capacity: number, ...values: T[]): Channel<T> {
  const channel = new Channel<T>(capacity);
  for (const each of values) expect(channel.trySend(each)).toBe(true);
  return channel;
}

describe("capacity 0", () => {
  test("is the default; nothing is buffered", () => {
    const channel = new Channel<number>();
    expect([channel.capacity, channel.size, channel.closed, channel.name]).toEqual([0, 0, false, undefined]);
    expect(channel.trySend(1)).toBe(false);
    expect(channel.tryReceive()).toBeUndefined();
  });

  test("a send completes only with a receiver", async () => {
    const channel = new Channel<number>();
    const sent = observe(channel.send(1));
    await drained();
    expect([sent.outcome.status, channel.size]).toEqual(["pending", 0]);
    expect(await channel.receive()).toEqual(value(1));
    expect(sent.outcome.status).toBe("fulfilled");
  });

  test("a receive completes only with a sender", async () => {
    const channel = new Channel<number>();
    const received = observe(channel.receive());
    await drained();
    expect(received.outcome.status).toBe("pending");
    await channel.send(1);
    await drained();
    expect(received.outcome).toEqual({ status: "fulfilled", value: value(1) });
  });

  test("trySend() and tryReceive() succeed exactly when the other side waits", async () => {
    const channel = new Channel<number>();
    const received = channel.receive();
    expect([channel.trySend(1), channel.trySend(2)]).toEqual([true, false]);
    expect(await received).toEqual(value(1));
    const sent = channel.send(3);
    expect([channel.tryReceive(), channel.tryReceive()]).toEqual([value(3), undefined]);
    await sent;
  });
});

describe("capacity n", () => {
  test("n values are buffered, first in, first out", async () => {
    const channel = new Channel<number>(2);
    await channel.send(1);
    await channel.send(2);
    expect([channel.size, channel.trySend(3)]).toEqual([2, false]);
    expect([await channel.receive(), await channel.receive()]).toEqual([value(1), value(2)]);
    expect([channel.size, channel.tryReceive()]).toEqual([0, undefined]);
  });

  test("blocked senders move into the buffer in the order they came, each when a place becomes free", async () => {
    const channel = channelOf(2, 1, 2);
    const sends = [3, 4].map((each) => observe(channel.send(each)));
    const status = async (): Promise<string[]> => {
      await drained();
      return sends.map(({ outcome }) => outcome.status);
    };
    expect(await status()).toEqual(["pending", "pending"]);
    expect([channel.tryReceive(), channel.size]).toEqual([value(1), 2]);
    expect(await status()).toEqual(["fulfilled", "pending"]);
    expect([2, 3, 4].map(() => channel.tryReceive())).toEqual([2, 3, 4].map(value));
    expect(await status()).toEqual(["fulfilled", "fulfilled"]);
  });

  test("blocked receivers are served in the order they came", async () => {
    const channel = new Channel<number>(3);
    const received = Promise.all([channel.receive(), channel.receive(), channel.receive()]);
    for (const each of [1, 2, 3]) channel.trySend(each);
    expect([await received, channel.size]).toEqual([[1, 2, 3].map(value), 0]);
  });

  test("a newcomer does not overtake a blocked sender", async () => {
    const channel = channelOf(1, 1);
    void channel.send(2);
    channel.tryReceive();
    expect(channel.trySend(3)).toBe(false);
    expect(channel.tryReceive()).toEqual(value(2));
  });

  test("Infinity never makes a sender wait; 10,000 values come out as they went in", async () => {
    const channel = new Channel<number>(Infinity);
    const all = Array.from({ length: 10_000 }, (_, index) => index);
    for (const each of all) expect(channel.trySend(each)).toBe(true);
    expect(channel.size).toBe(10_000);
    channel.close();
    const received: number[] = [];
    for await (const each of channel) received.push(each);
    expect(received).toEqual(all);
  });

  test("a buffer that is never empty keeps its order over many rounds", () => {
    const channel = channelOf(7, 0, 1, 2);
    for (let index = 3; index < 5000; index++) {
      channel.trySend(index);
      expect(channel.tryReceive()).toEqual(value(index - 3));
      expect(channel.size).toBe(3);
    }
  });

  test("carries undefined, null, errors and thenables as they are", async () => {
    const thenable = { then: (resolve: (value: string) => void) => resolve("unwrapped") };
    const values = [undefined, null, new Error("a value"), Promise.resolve(1), thenable];
    const channel = new Channel<unknown>(9);
    for (const each of values) await channel.send(each);
    for (const each of values) expect(((await channel.receive()) as { value: unknown }).value).toBe(each);
    const waiting = channel.receive();
    channel.trySend(thenable);
    expect(((await waiting) as { value: unknown }).value).toBe(thenable);
  });
});

describe("close()", () => {
  test("wakes all receivers with the end", async () => {
    const channel = new Channel<number>();
    const received = Promise.all([channel.receive(), channel.receive()]);
    channel.close();
    expect([await received, channel.closed]).toEqual([[end, end], true]);
    expect([await channel.receive(), channel.tryReceive()]).toEqual([end, end]);
  });

  test("lets the buffer be drained first", async () => {
    const channel = channelOf(3, 1, 2);
    channel.close();
    expect([await channel.receive(), channel.tryReceive()]).toEqual([value(1), value(2)]);
    expect([await channel.receive(), channel.tryReceive()]).toEqual([end, end]);
  });

  test("rejects blocked senders; what is in the buffer survives", async () => {
    const channel = channelOf(1, 1);
    const sends = [channel.send(2), channel.send(3)].map((sent) => observe(sent));
    channel.close();
    await drained();
    for (const { outcome } of sends) expect(outcome).toEqual({ status: "rejected", reason: closed });
    expect([channel.tryReceive(), channel.tryReceive()]).toEqual([value(1), end]);
  });

  test("gives each blocked sender an error of its own", async () => {
    const channel = new Channel<number>();
    const sends = await Promise.allSettled([
      channel.send(1),
      channel.send(2),
      Promise.resolve().then(() => channel.close()),
    ]);
    const [first, second] = sends.map((sent) => (sent.status === "rejected" ? (sent.reason as unknown) : null));
    expect(first).toBeInstanceOf(SnowshedError);
    expect(second).not.toBe(first);
  });

  test("a second time throws, and changes nothing", () => {
    const channel = channelOf(1, 1);
    channel.close();
    expect(() => channel.close()).toThrow(closed);
    expect(() => channel.close()).toThrow("close of a closed channel");
    expect(channel.tryReceive()).toEqual(value(1));
  });

  test("makes send() reject and trySend() throw, also when there would be room", async () => {
    const channel = new Channel<number>(5);
    channel.close();
    await expect(channel.send(1)).rejects.toThrow(closed);
    await expect(channel.send(1)).rejects.toThrow("send on a closed channel");
    expect(() => channel.trySend(1)).toThrow(closed);
    expect(channel.size).toBe(0);
  });
});

describe("for await", () => {
  test("receives until the channel is closed and drained", async () => {
    const channel = new Channel<number>(1);
    const received: number[] = [];
    const consumer = (async () => {
      for await (const each of channel) received.push(each);
      return "ended";
    })();
    for (const each of [1, 2, 3]) await channel.send(each);
    channel.close();
    expect([await consumer, received]).toEqual(["ended", [1, 2, 3]]);
  });

  test("`break` leaves the channel open and the rest in it", async () => {
    const channel = channelOf(3, 1, 2, 3);
    for await (const each of channel) if (each === 2) break;
    expect([channel.closed, channel.size, channel.trySend(4)]).toEqual([false, 1, true]);
    expect([channel.tryReceive(), channel.tryReceive()]).toEqual([value(3), value(4)]);
  });

  test("a throw in the loop leaves the channel open, too", async () => {
    const channel = channelOf(2, 1, 2);
    const loop = async (): Promise<void> => {
      for await (const each of channel) if (each > 0) throw new Error(`at ${each}`);
    };
    await expect(loop()).rejects.toThrow("at 1");
    expect([channel.closed, channel.size]).toEqual([false, 1]);
  });

  test("two loops share the values: each goes to one of them", async () => {
    const channel = new Channel<number>();
    const received: number[] = [];
    const consume = async (): Promise<void> => {
      for await (const each of channel) received.push(each);
    };
    const consumers = Promise.all([consume(), consume()]);
    for (let index = 0; index < 20; index++) await channel.send(index);
    channel.close();
    await consumers;
    expect(received).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });
});

describe("a sieve of primes, one channel for each prime", () => {
  test("gives the primes in order", async () => {
    const generate = async (out: Channel<number>): Promise<void> => {
      for (let number = 2; number < 60; number++) await out.send(number);
      out.close();
    };
    const filter = async (source: Channel<number>, out: Channel<number>, prime: number): Promise<void> => {
      for await (const number of source) if (number % prime !== 0) await out.send(number);
      out.close();
    };
    const primes: number[] = [];
    let source = new Channel<number>();
    const running = [generate(source)];
    for (;;) {
      const next = await source.receive();
      if (next.done) break;
      primes.push(next.value);
      const out = new Channel<number>();
      running.push(filter(source, out, next.value));
      source = out;
    }
    await Promise.all(running);
    expect(primes).toEqual([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59]);
  });
});

describe("an operation that need not wait", () => {
  test("is done before send() and receive() return", async () => {
    const channel = new Channel<number>(1);
    const sent = channel.send(1);
    expect(channel.size).toBe(1);
    const received = channel.receive();
    expect(channel.size).toBe(0);
    expect(await Promise.all([sent, received])).toEqual([undefined, value(1)]);
    expect((await outcome(channel.receive())).status).toBe("pending");
  });
});

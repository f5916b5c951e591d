import { CanceledError, Channel, Context, DeadlineExceededError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { drained, observe, outcome } from "../support/promises.ts";

const value = (received: unknown): unknown => ({ done: false, value: received });

describe.each(["Context", "AbortSignal"])("a %s as the signal", (kind) => {
  function cancelable(): { signal: AbortSignal | Context; cancel: (reason?: unknown) => void } {
    const context = Context.background.withCancel();
    const controller = new AbortController();
    if (kind === "Context") return { signal: context, cancel: (reason) => context.cancel(reason) };
    return { signal: controller.signal, cancel: (reason) => controller.abort(reason) };
  }

  test("releases a blocked receiver with the cancellation; no value is lost by that", async () => {
    const { signal, cancel } = cancelable();
    const channel = new Channel<number>(1);
    const [first, second] = [observe(channel.receive({ signal })), observe(channel.receive())];
    cancel("why");
    expect(channel.trySend(1)).toBe(true);
    await drained();
    expect(first.outcome).toMatchObject({ status: "rejected", reason: { name: "AbortError", cause: "why" } });
    expect(second.outcome).toEqual({ status: "fulfilled", value: value(1) });
  });

  test("releases a blocked sender; its value is not sent, and those behind move up", async () => {
    const { signal, cancel } = cancelable();
    const channel = new Channel<number>();
    const [first, second] = [observe(channel.send(1, { signal })), observe(channel.send(2))];
    cancel();
    expect(channel.tryReceive()).toEqual(value(2));
    await drained();
    expect([first.outcome.status, second.outcome.status]).toEqual(["rejected", "fulfilled"]);
    expect(channel.tryReceive()).toBeUndefined();
  });

  test("that is aborted already refuses, also when there is room, a value, or the end", async () => {
    const { signal, cancel } = cancelable();
    cancel();
    const channel = new Channel<number>(2);
    channel.trySend(1);
    await expect(channel.send(2, { signal })).rejects.toBeInstanceOf(CanceledError);
    await expect(channel.receive({ signal })).rejects.toBeInstanceOf(CanceledError);
    expect(channel.size).toBe(1);
    channel.close();
    await expect(channel.send(2, { signal })).rejects.toBeInstanceOf(CanceledError);
    await expect(channel.receive({ signal })).rejects.toBeInstanceOf(CanceledError);
    expect(channel.size).toBe(1);
  });

  test("aborted after a match in the same tick changes nothing: the value was received", async () => {
    const { signal, cancel } = cancelable();
    const channel = new Channel<number>();
    const received = channel.receive({ signal });
    expect(channel.trySend(1)).toBe(true);
    cancel();
    expect(await received).toEqual(value(1));
    const second = cancelable();
    const sent = channel.send(2, { signal: second.signal });
    expect(channel.tryReceive()).toEqual(value(2));
    second.cancel();
    await sent;
  });

  test("aborted before a match in the same tick prevents it: the value is still there", async () => {
    const { signal, cancel } = cancelable();
    const channel = new Channel<number>();
    const received = outcome(channel.receive({ signal }));
    cancel();
    expect(channel.trySend(1)).toBe(false);
    expect((await received).status).toBe("rejected");
    const second = cancelable();
    const sent = outcome(channel.send(2, { signal: second.signal }));
    second.cancel();
    expect(channel.tryReceive()).toBeUndefined();
    expect((await sent).status).toBe("rejected");
  });

  test("aborted together with close() gives each waiter one answer", async () => {
    for (const closesFirst of [true, false]) {
      const { signal, cancel } = cancelable();
      const channel = new Channel<number>();
      const received = outcome(channel.receive({ signal }));
      const steps = [() => cancel(), () => channel.close()];
      for (const step of closesFirst ? steps.toReversed() : steps) step();
      expect((await received).status).toBe(closesFirst ? "fulfilled" : "rejected");
    }
  });
});

describe("a listener of the same native signal", () => {
  test.each(["before", "after"])("that sends, added %s the receive: one answer, nothing lost", async (when) => {
    const controller = new AbortController();
    const { signal } = controller;
    const channel = new Channel<number>();
    let sent: boolean | undefined;
    const send = (): void => signal.addEventListener("abort", () => (sent = channel.trySend(1)));
    if (when === "before") send();
    const received = outcome(channel.receive({ signal }));
    if (when === "after") send();
    controller.abort();
    expect([sent, (await received).status]).toEqual(when === "before" ? [true, "fulfilled"] : [false, "rejected"]);
  });

  test("of a Context that sends: the value was received exactly if it was sent", async () => {
    const context = Context.background.withCancel();
    const channel = new Channel<number>();
    let sent: boolean | undefined;
    context.signal.addEventListener("abort", () => (sent = channel.trySend(1)));
    const received = outcome(channel.receive({ signal: context }));
    context.cancel();
    expect((await received).status).toBe(sent === true ? "fulfilled" : "rejected");
    expect(channel.trySend(2)).toBe(false);
  });
});

describe("a deadline", () => {
  test("releases with a DeadlineExceededError, in the clock of the context", async () => {
    const clock = new FakeClock();
    const channel = new Channel<number>();
    const signal = Context.root({ clock }).withTimeout("3s");
    const [received, sent] = [observe(channel.receive({ signal })), observe(new Channel().send(1, { signal }))];
    await clock.advance("2999ms");
    expect(received.outcome.status).toBe("pending");
    await clock.advance("1ms");
    for (const { outcome } of [received, sent]) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
      expect(outcome.status === "rejected" && outcome.reason).toBeInstanceOf(DeadlineExceededError);
    }
    expect(clock.pending).toBe(0);
  });
});

describe("what waiting leaves behind", () => {
  test("one listener on a foreign signal for any number of waiters, none when they are served, refused or gone", async () => {
    const { signal } = new AbortController();
    const channel = new Channel<number>();
    const count = (): number => getEventListeners(signal, "abort").length;
    const received = Array.from({ length: 20 }, () => channel.receive({ signal }));
    expect(count()).toBe(1);
    for (let index = 0; index < 20; index++) channel.trySend(index);
    expect([count(), (await Promise.all(received)).length]).toEqual([0, 20]);
    const refused = Array.from({ length: 20 }, () => outcome(channel.send(1, { signal })));
    expect(count()).toBe(1);
    channel.close();
    expect([count(), (await Promise.all(refused)).every(({ status }) => status === "rejected")]).toEqual([0, true]);
    await channel.receive({ signal });
    expect(count()).toBe(0);
  });

  test("a waiter that gave up is not kept by the channel; one that waits is", async () => {
    const channel = new Channel<object>();
    const wait = (what: "send" | "receive", giveUp: boolean) => async (): Promise<WeakRef<object>> => {
      const context = Context.background.withCancel();
      const sent = { bytes: new Uint8Array(100) };
      const waiting = what === "send" ? channel.send(sent, { signal: context }) : channel.receive({ signal: context });
      const settled = waiting.catch(() => {});
      if (giveUp) {
        context.cancel();
        await settled;
      }
      return new WeakRef(what === "send" ? sent : context);
    };
    expect(await collected(wait("send", true))).toBe(true);
    expect(await collected(wait("receive", true))).toBe(true);
    expect(await collected(wait("send", false), 3)).toBe(false);
    expect(channel.tryReceive()).toBeDefined();
    expect(await collected(wait("receive", false), 3)).toBe(false);
    expect(channel.trySend({})).toBe(true);
  });

  test("a received value is not kept by the buffer; one that waits in it is", async () => {
    const channel = new Channel<object>(8);
    for (let index = 0; index < 4; index++) channel.trySend({});
    const put = (): WeakRef<object> => {
      const sent = { bytes: new Uint8Array(100) };
      channel.trySend(sent);
      return new WeakRef(sent);
    };
    const putAndTake = (): WeakRef<object> => {
      const reference = put();
      for (let index = 0; index < 5; index++) channel.tryReceive();
      for (let index = 0; index < 7; index++) channel.trySend({});
      return reference;
    };
    expect(await collected(putAndTake)).toBe(true);
    expect(await collected(put, 3)).toBe(false);
    expect(channel.size).toBe(8);
  });

  test("20,000 waiters give up from the last to the first, then every second one", async () => {
    const channel = new Channel<number>();
    const waiters = Array.from({ length: 20_000 }, () => {
      const context = Context.background.withCancel();
      return { context, received: observe(channel.receive({ signal: context })) };
    });
    for (const { context } of waiters.slice(10_000).toReversed()) context.cancel();
    for (const [index, { context }] of waiters.entries()) if (index % 2 === 0) context.cancel();
    let served = 0;
    while (channel.trySend(served)) served++;
    await drained();
    expect(served).toBe(5000);
    const got = waiters.flatMap(({ received: { outcome } }) =>
      outcome.status === "fulfilled" ? [outcome.value.value] : [],
    );
    expect(got).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });
});

describe("AsyncLocalStorage", () => {
  test("after a wait everybody has their own store, not that of who came to meet them", async () => {
    const storage = new AsyncLocalStorage<string>();
    const channel = new Channel<number>();
    const seen: (string | undefined)[] = [];
    const receiving = storage.run("receiver", async () => {
      await channel.receive();
      seen.push(storage.getStore());
      for await (const _ of channel) seen.push(storage.getStore());
    });
    await storage.run("sender", async () => {
      await channel.send(1);
      await channel.send(2);
      seen.push(storage.getStore());
    });
    storage.run("closer", () => channel.close());
    await receiving;
    expect(seen.toSorted()).toEqual(["receiver", "receiver", "sender"]);
  });
});

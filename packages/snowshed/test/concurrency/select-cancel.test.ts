// Chance, cancellation, and what a select leaves behind.
import { CanceledError, Channel, Context, receive, select, send, trySelect } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import { collected } from "../support/garbage.ts";
import { drained, observe, outcome } from "../support/promises.ts";
import { deafHooks } from "../support/recorded-hooks.ts";

const rounds = 3000;

/** Pearson's statistic for the hypothesis that all are equally likely. */
function chiSquare(counts: readonly number[]): number {
  const wanted = rounds / counts.length;
  return counts.reduce((sum, count) => sum + (count - wanted) ** 2 / wanted, 0);
}

/** How often each of three ready cases is chosen with that chance. */
async function choices(clock: FakeClock): Promise<number[]> {
  const signal = Context.root({ clock });
  const counts = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const channels = [new Channel<number>(1), new Channel<number>(1), new Channel<number>(1)] as const;
    channels[0].trySend(1);
    channels[2].trySend(1);
    const chosen = await select([receive(channels[0]), send(channels[1], 1), null, receive(channels[2])], { signal });
    counts[chosen.index === 3 ? 2 : chosen.index]!++;
  }
  return counts;
}

describe("the choice among ready cases", () => {
  // 13.82: exceeded by chance once in a thousand, for two degrees of freedom. The seeds are fixed.
  test.each([1, 2, 3])("is uniform (seed %i)", async (seed) => {
    const counts = await choices(new FakeClock({ seed }));
    expect(chiSquare(counts), `got ${counts.join(", ")}; want about 1000 each`).toBeLessThan(13.82);
  });

  test("is seen to be uneven when the chance is (the negative control)", async () => {
    class Loaded extends FakeClock {
      override random(): number {
        return super.random() ** 1.2;
      }
    }
    expect(chiSquare(await choices(new Loaded()))).toBeGreaterThan(13.82);
  });

  test("is reproducible: the same seed gives the same choices", async () => {
    expect(await choices(new FakeClock({ seed: 7 }))).toEqual(await choices(new FakeClock({ seed: 7 })));
  });

  test("is as likely to be the send to a closed channel as the receive beside it", async () => {
    const signal = Context.root({ clock: new FakeClock() });
    const counts = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const [ready, closed] = [new Channel<number>(1), new Channel<number>(1)];
      ready.trySend(1);
      closed.close();
      const chosen = await outcome(select([receive(ready), send(closed, 1)], { signal }));
      counts[chosen.status === "fulfilled" ? 0 : 1]!++;
      expect(ready.size).toBe(chosen.status === "fulfilled" ? 0 : 1);
    }
    // 10.83 for one degree of freedom.
    expect(chiSquare(counts)).toBeLessThan(10.83);
  });

  test("does not take a chance that would be out of range: every number in [0, 1) is an index", async () => {
    for (const chance of [0, 0.5, 1 - 2 ** -53]) {
      class Fixed extends FakeClock {
        override random(): number {
          return chance;
        }
      }
      const [left, right] = [new Channel<number>(1), new Channel<number>(1)];
      const signal = Context.root({ clock: new Fixed() });
      const chosen = await select([send(left, 1), send(right, 1)], { signal });
      expect(chosen.index).toBe(chance < 0.5 ? 0 : 1);
    }
  });

  test("trySelect() gives every ready case its turn", () => {
    const seen = new Set<number>();
    for (let round = 0; round < 500; round++) {
      const channels = [new Channel<number>(1), new Channel<number>(1)] as const;
      seen.add(trySelect([send(channels[0], 1), send(channels[1], 1)])!.index);
    }
    expect(seen).toEqual(new Set([0, 1]));
  });
});

describe("the signal of a select", () => {
  test.each(["Context", "AbortSignal"])("%s: an abort rejects, and withdraws every case", async (kind) => {
    const [context, controller] = [Context.background.withCancel(), new AbortController()];
    const signal = kind === "Context" ? context : controller.signal;
    const [left, right] = [new Channel<number>(), new Channel<number>()];
    const chosen = outcome(select([receive(left), send(right, 1)], { signal }));
    if (kind === "Context") context.cancel("why");
    else controller.abort("why");
    expect([left.trySend(1), right.tryReceive()]).toEqual([false, undefined]);
    expect(await chosen).toMatchObject({ status: "rejected", reason: { name: "AbortError", cause: "why" } });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  test("that is aborted already refuses, also when a case is ready", async () => {
    const channel = new Channel<number>(1);
    const canceled = Context.background.withCancel();
    canceled.cancel();
    for (const signal of [canceled, AbortSignal.abort()]) {
      await expect(select([send(channel, 1)], { signal })).rejects.toBeInstanceOf(CanceledError);
      await expect(select([], { signal })).rejects.toBeInstanceOf(CanceledError);
    }
    expect(channel.size).toBe(0);
  });

  test("with a deadline: DeadlineExceededError, in the clock of the context", async () => {
    const clock = new FakeClock();
    const chosen = observe(select([receive(new Channel())], { signal: Context.root({ clock }).withTimeout("1s") }));
    await clock.advance("999ms");
    expect(chosen.outcome.status).toBe("pending");
    await clock.advance("1ms");
    expect(chosen.outcome).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
  });

  test("aborted in the same tick as a match: the earlier one counts, and no value is lost or doubled", async () => {
    for (const abortsFirst of [true, false]) {
      for (const way of ["receive", "send"] as const) {
        const context = Context.background.withCancel();
        const [channel, other] = [new Channel<number>(), new Channel<number>()];
        const mine = way === "receive" ? receive(channel) : send(channel, 1);
        const chosen = outcome(select([receive(other), mine], { signal: context }));
        if (abortsFirst) context.cancel();
        const met = way === "receive" ? channel.trySend(1) : channel.tryReceive() !== undefined;
        context.cancel();
        expect([met, (await chosen).status]).toEqual([!abortsFirst, abortsFirst ? "rejected" : "fulfilled"]);
        expect([other.trySend(1), channel.trySend(1), channel.tryReceive()]).toEqual([false, false, undefined]);
      }
    }
  });

  test("aborted by a listener of which sends come: one case at most is done", async () => {
    const context = Context.background.withCancel();
    const channels = [new Channel<number>(), new Channel<number>()] as const;
    let sent = 0;
    context.signal.addEventListener("abort", () => {
      for (const channel of channels) if (channel.trySend(1)) sent++;
    });
    const chosen = outcome(select([receive(channels[0]), receive(channels[1])], { signal: context }));
    context.cancel();
    expect((await chosen).status).toBe(sent === 1 ? "fulfilled" : "rejected");
    expect(sent).toBeLessThan(2);
  });
});

describe("what a select leaves behind", () => {
  test("one listener on a foreign signal while any waits, none when all are served", async () => {
    const { signal } = new AbortController();
    const channel = new Channel<number>();
    const waits = Array.from({ length: 20 }, () => select([receive(channel), receive(new Channel())], { signal }));
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    for (let index = 0; index < 20; index++) channel.trySend(index);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect((await Promise.all(waits)).map(({ value }) => value)).toEqual(
      Array.from({ length: 20 }, (_, index) => index),
    );
  });

  test("nothing in a channel that never becomes ready, after a win or an abort; something while it waits", async () => {
    const [never, often] = [new Channel<object>(), new Channel<object>(1)];
    const wait = (end: "win" | "abort" | "none") => async (): Promise<WeakRef<object>> => {
      const context = Context.background.withCancel();
      const value = { bytes: new Uint8Array(100) };
      const chosen = outcome(select([send(never, value), receive(often)], { signal: context }));
      if (end === "win") often.trySend({});
      if (end === "abort") context.cancel();
      await chosen;
      return new WeakRef(value);
    };
    expect(await collected(wait("win"))).toBe(true);
    expect(await collected(wait("abort"))).toBe(true);
    expect(await collected(wait("none"), 3)).toBe(false);
    expect([never.tryReceive() === undefined, never.tryReceive()]).toEqual([false, undefined]);
  });

  test("for the hooks: each wait that began has ended one time, and one case of each select was granted", async () => {
    const open = new Map<object, object>();
    let granted = 0;
    const previous = installHooks({
      ...deafHooks,
      blocked: (resource, _, wait) => void open.set(wait, resource),
      unblocked: (resource, wait, won) => {
        expect(open.get(wait)).toBe(resource);
        open.delete(wait);
        if (won) granted++;
      },
    });
    try {
      const [left, right] = [new Channel<number>(), new Channel<number>()];
      const context = Context.background.withCancel();
      const cases = [receive(left), receive(right), send(right, 1)] as const;
      const settled = [select(cases), select(cases, { signal: context }), select(cases)].map((chosen) =>
        observe(chosen),
      );
      const plain = [left.receive({ signal: context }), left.send(1), right.send(1)].map((each) =>
        observe<unknown>(each),
      );
      left.trySend(1);
      context.cancel();
      right.close();
      left.close();
      await drained();
      expect([...settled, ...plain].map(({ outcome }) => outcome.status)).not.toContain("pending");
      expect(open.size).toBe(0);
      expect(granted).toBeGreaterThan(0);
    } finally {
      installHooks(previous);
    }
  });
});

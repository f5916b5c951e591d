// What is left of a wait or a permit that is over: nothing, however long the limiter and the context live on.
import { getEventListeners } from "node:events";
import type { CancelContext, LimitPermit } from "snowshed";
import { Context, fixed, Limiter } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { drained, observe } from "../support/promises.ts";

interface Scene {
  readonly clock: FakeClock;
  readonly limiter: Limiter;
  readonly context: CancelContext;
  /** Gives back the place that all wait for. */
  readonly open: () => void;
}

/** Whether what the continuation of a wait holds is collected while the limiter, the context and another wait live on. */
async function leavesNothing(end: (scene: Scene) => unknown): Promise<boolean> {
  const clock = new FakeClock();
  const context = Context.root({ clock }).withCancel();
  const make = (): Limiter => new Limiter({ algorithm: fixed(1), maxQueue: 2, clock });
  const [limiter, bystander] = [make(), make()];
  const [permit] = [limiter, bystander].map((each) => each.tryAcquire()!);
  const other = observe(bystander.acquire({ signal: context }));
  const gone = await collected(async () => {
    const own = context.withCancel();
    const payload = { bytes: new Uint8Array(10) };
    const settle = (): number => payload.bytes.length;
    void limiter.acquire({ signal: own, maxWait: "1h" }).then(settle, settle);
    await end({ clock, limiter, context: own, open: () => permit!.ignore() });
    await drained();
    return new WeakRef(payload);
  });
  // Used after the collection, so they were alive during it.
  context.cancel();
  await drained();
  expect([limiter.queued, bystander.queued, other.outcome.status, clock.pending]).toEqual([0, 0, "rejected", 0]);
  return gone;
}

describe("what stays behind", () => {
  test.each<readonly [string, (scene: Scene) => unknown]>([
    ["canceled", ({ context }) => context.cancel()],
    ["admitted", ({ open }) => open()],
    ["too long for its maxWait", ({ clock }) => clock.advance("1h")],
    [
      "shed",
      async ({ clock, limiter, open }) => {
        await clock.advance(21);
        void observe(limiter.acquire());
        await clock.advance(100);
        void observe(limiter.acquire());
        expect(limiter.shed).toBe(2);
        open();
      },
    ],
    [
      "admitted and canceled in one tick",
      ({ open, context }) => {
        open();
        context.cancel();
      },
    ],
  ])("of a wait that was %s is nothing", async (_name, end) => {
    expect(await leavesNothing(end)).toBe(true);
  });

  test("of a wait that goes on is the wait: the check would see a leak", async () => {
    expect(await leavesNothing(() => {})).toBe(false);
  });

  test("of a permit that was given back does not hold the limiter", async () => {
    const held: LimitPermit[] = [];
    const holder = (end: (permit: LimitPermit) => void): WeakRef<Limiter> => {
      const limiter = new Limiter({ algorithm: fixed(1) });
      const permit = limiter.tryAcquire()!;
      end(permit);
      held.push(permit);
      return new WeakRef(limiter);
    };
    expect(await collected(() => holder((permit) => permit.success()))).toBe(true);
    expect(await collected(() => holder(() => {}))).toBe(false);
    for (const permit of held) permit.ignore();
  });

  test.each<readonly [string, (scene: Scene) => unknown, boolean]>([
    ["admitted", ({ open }) => open(), true],
    ["too long for its maxWait", ({ clock }) => clock.advance("1h"), true],
    ["still going on: the check would see a leak", () => {}, false],
  ])("of a wait does not tie its limiter to the context: %s", async (_name, end, gone) => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const { signal } = new AbortController();
    const scene = async (source: AbortSignal | Context): Promise<WeakRef<Limiter>> => {
      const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 2, clock });
      const permit = limiter.tryAcquire()!;
      void observe(limiter.acquire({ signal: source, maxWait: gone ? "1h" : undefined }));
      await end({ clock, limiter, context, open: () => permit.ignore() });
      await drained();
      return new WeakRef(limiter);
    };
    expect(await collected(() => scene(context))).toBe(gone);
    expect(await collected(() => scene(signal))).toBe(gone);
    expect(getEventListeners(signal, "abort")).toHaveLength(gone ? 0 : 1);
    context.cancel();
  });
});

// Resources that are held too long, or lost: found, named, and no place is lost with them.
import type { Clock } from "snowshed";
import { Context } from "snowshed";
import type { Pool, PoolLeak, PoolPermit } from "snowshed/throttle";
import { describe, expect, test, vi } from "vitest";
import { clock, useFakeTime } from "../support/fake-time.ts";
import { collected } from "../support/garbage.ts";
import { drained, observe } from "../support/promises.ts";
import type { Connection } from "./connections.ts";
import { Service, usePools } from "./connections.ts";

useFakeTime();
const makePool = usePools();

function leakIn<T>(pool: Pool<T>): Promise<PoolPermit<T>> {
  return pool.permit();
}

describe("what is held too long", () => {
  test("is reported once, with who acquired it", async () => {
    const leaks: PoolLeak<Connection>[] = [];
    const pool = makePool({ ...new Service().calls, onLeak: (leak) => leaks.push(leak) });
    const early = await leakIn(pool);
    await clock.advance("30s");
    const late = await leakIn(pool);
    await clock.advance(29_999);
    expect(leaks).toEqual([]);
    await clock.advance(1);
    expect(leaks).toMatchObject([{ resource: early.resource, heldFor: 60_000, forgotten: false }]);
    expect(leaks[0]!.acquiredAt).toContain("leakIn");
    expect(leaks[0]!.acquiredAt).toContain("pool-leaks.test.ts");
    expect(leaks[0]!.acquiredAt).not.toContain("pool.ts");
    await clock.advance("30s");
    expect(leaks.map(({ resource }) => resource.id)).toEqual([1, 2]);
    await clock.advance("10m");
    expect([leaks.length, pool.inspect().leaks]).toEqual([2, 2]);
    early.release();
    late.release();
    expect([pool.idle, pool.held]).toEqual([2, 0]);
  });

  test("is reported for run() too, also when it had to wait", async () => {
    const leaks: PoolLeak<Connection>[] = [];
    const pool = makePool({ ...new Service().calls, max: 1, leakThreshold: "1s", onLeak: (leak) => leaks.push(leak) });
    const context = Context.root({ clock });
    const slow = (): Promise<void> => pool.run(() => context.sleep("1500ms"));
    const all = [slow(), slow()];
    await clock.advance("1s");
    await clock.advance("1500ms");
    await clock.advance("1s");
    await Promise.all(all);
    expect(leaks.map(({ heldFor }) => heldFor)).toEqual([1000, 1000]);
    expect(leaks[0]!.acquiredAt).toContain("slow");
  });

  test("the control: nothing that is given back in time is reported, and no timer stays", async () => {
    const onLeak = vi.fn<() => void>();
    const pool = makePool({ ...new Service().calls, leakThreshold: "1s", idleTimeout: "1h", maxAge: "2h", onLeak });
    for (let round = 0; round < 10; round++) {
      const permit = await pool.permit();
      await clock.advance(999);
      permit.release();
    }
    await clock.advance("10s");
    expect([onLeak.mock.calls.length, clock.pending]).toEqual([0, 1]);
  });

  test("is not looked for with a threshold of Infinity", async () => {
    const onLeak = vi.fn<() => void>();
    const pool = makePool({ ...new Service().calls, leakThreshold: Infinity, onLeak });
    await pool.permit();
    await clock.advance("10h");
    expect(onLeak).not.toHaveBeenCalled();
  });

  test("is found after the clock was set back", async () => {
    let offset = 0;
    const moving: Clock = {
      now: () => clock.now() + offset,
      date: () => clock.date(),
      random: () => 0,
      setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    };
    const leaks: number[] = [];
    const onLeak = ({ heldFor }: PoolLeak<Connection>): number => leaks.push(heldFor);
    const pool = makePool({ ...new Service().calls, clock: moving, leakThreshold: "1s", onLeak });
    await clock.advance("1h");
    const before = await pool.permit();
    offset = -3_600_000;
    const after = await pool.permit();
    after.release();
    expect(pool.tryPermit()?.resource).toBe(after.resource);
    await clock.advance("2h");
    expect(leaks.length).toBe(2);
    before.release();
    expect(pool.size).toBeGreaterThan(0);
    await expect(pool.run(() => "works")).resolves.toBe("works");
  });

  test("when very many are acquired, is named from the second time on", async () => {
    const leaks: PoolLeak<Connection>[] = [];
    const pool = makePool({ ...new Service().calls, leakThreshold: "1s", onLeak: (leak) => leaks.push(leak) });
    await pool.permit();
    await leakIn(pool);
    await clock.advance("1s");
    expect(leaks.map(({ acquiredAt }) => acquiredAt.includes("pool-leaks.test.ts"))).toEqual([true, false]);
    expect(leaks[1]!.acquiredAt).toContain("not recorded");
    await pool.permit();
    await leakIn(pool);
    await clock.advance("1s");
    expect(leaks[3]!.acquiredAt).toContain("leakIn");
  });

  test("and onLeak throws: those behind it are reported all the same", async () => {
    const seen: number[] = [];
    const pool = makePool({
      ...new Service().calls,
      leakThreshold: "1s",
      onLeak: ({ resource }) => {
        seen.push(resource.id);
        throw new Error("onLeak failed");
      },
    });
    await pool.permit();
    await clock.advance(10);
    await pool.permit();
    await expect(clock.advance("1s")).rejects.toThrow("onLeak failed");
    await expect(clock.advance("1s")).rejects.toThrow("onLeak failed");
    expect(seen).toEqual([1, 2]);
  });

  test("is reported where the program has taken the stacks of errors for itself", async () => {
    const leaks: PoolLeak<Connection>[] = [];
    const pool = makePool({ ...new Service().calls, leakThreshold: "1s", onLeak: (leak) => leaks.push(leak) });
    await pool.permit();
    const before = Error.prepareStackTrace;
    Error.prepareStackTrace = (_error, frames) => frames;
    try {
      await clock.advance("1s");
    } finally {
      Error.prepareStackTrace = before;
    }
    expect(leaks).toMatchObject([{ resource: { id: 1 }, heldFor: 1000 }]);
  });

  test("by default is a warning, once for each place", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    try {
      const pool = makePool({ ...new Service().calls, leakThreshold: "1s", name: "orders" });
      await drained();
      for (let round = 0; round < 3; round++) {
        await leakIn(pool);
        await clock.advance("2s");
      }
      expect(warn).toHaveBeenCalledTimes(1);
      const [message, kind] = warn.mock.calls[0]! as unknown as [string, string];
      expect(kind).toBe("SnowshedPoolLeak");
      expect(message).toMatch(
        /^a resource of the pool "orders" has not been released after 1000 ms; acquired\nat leakIn/,
      );
    } finally {
      warn.mockRestore();
    }
  });
});

describe("a permit that is garbage", () => {
  async function lose(isLost: boolean): Promise<readonly [boolean, string, readonly PoolLeak<Connection>[]]> {
    const leaks: PoolLeak<Connection>[] = [];
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1, onLeak: (leak) => leaks.push(leak) });
    const kept: unknown[] = [];
    const gone = await collected(async () => {
      const permit = await leakIn(pool);
      if (!isLost) kept.push(permit);
      await clock.advance("1s");
      return new WeakRef(permit);
    });
    const next = observe(pool.permit());
    // The registry tells of it in a task of its own.
    for (let round = 0; round < 10; round++) await drained();
    expect([gone, kept.length]).toEqual([isLost, isLost ? 0 : 1]);
    return [next.outcome.status === "fulfilled", service.made[0]!.state, leaks];
  }

  test("gives its place back; its resource is destroyed, and it is reported", async () => {
    const [isServed, state, leaks] = await lose(true);
    expect([isServed, state]).toEqual([true, "broken"]);
    expect(leaks).toMatchObject([{ resource: { id: 1 }, forgotten: true }]);
    expect(leaks[0]!.acquiredAt).toContain("leakIn");
  });

  test("the control: one that is held keeps its place", async () => {
    expect(await lose(false)).toEqual([false, "open", []]);
  });
});

describe("what stays behind", () => {
  test.each<readonly [string, (pool: Pool<Connection>) => Promise<PoolPermit<Connection>>]>([
    ["released", async (pool) => pool.permit()],
    [
      "handed over",
      async (pool) => {
        const holder = await pool.permit();
        const next = pool.permit();
        holder.release();
        return next;
      },
    ],
  ])("of a permit that was %s, and its stack: nothing", async (_name, acquire) => {
    const pool = makePool({ ...new Service().calls, max: 1 });
    const gone = await collected(async () => {
      const permit = await acquire(pool);
      permit.release();
      return new WeakRef(permit);
    });
    expect([gone, pool.idle]).toEqual([true, 1]);
  });
});

// What a pool does for those who use it as they should.
import type { Clock, SnowshedError } from "snowshed";
import { CanceledError, classify, Context } from "snowshed";
import type { PoolPermit } from "snowshed/throttle";
import { Pool } from "snowshed/throttle";
import { describe, expect, expectTypeOf, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";
import type { Connection } from "./connections.ts";
import { Service, usePools } from "./connections.ts";

useFakeTime();
const makePool = usePools();

const full = { code: "SNOWSHED_LIMIT_EXCEEDED" };
const closed = { code: "SNOWSHED_POOL_CLOSED" };

describe("lending", () => {
  test("makes what is needed, keeps it, and lends the one that was used last", async () => {
    const service = new Service();
    const pool = makePool(service.calls);
    const [first, second] = await Promise.all([pool.permit(), pool.permit()]);
    expect([first.resource.id, second.resource.id, pool.held, pool.idle, pool.size]).toEqual([1, 2, 2, 0, 2]);
    second.release();
    first.release();
    expect([pool.held, pool.idle, pool.size]).toEqual([0, 2, 2]);
    expect(await pool.run(({ id }) => id)).toBe(1);
    expect(service.attempts).toBe(2);
  });

  test("never more than max at once, in the order they came", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 3 });
    const order: number[] = [];
    const task = async (index: number): Promise<void> => {
      order.push(index);
      await root.sleep("10ms");
    };
    const all = Promise.all(Array.from({ length: 20 }, (_, index) => pool.run(() => task(index))));
    await drained();
    expect([pool.held, pool.pending]).toEqual([3, 17]);
    await clock.advance("1s");
    await all;
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect([service.attempts, pool.size, pool.idle]).toEqual([3, 3, 3]);
  });

  test("the more important go first", async () => {
    const pool = makePool({ ...new Service().calls, max: 1 });
    const holder = await pool.permit();
    const order: string[] = [];
    const priorities = ["low", "normal", "critical", "high", "critical"] as const;
    const all = priorities.map((priority) => pool.run(() => order.push(priority), { priority }));
    holder.release();
    await Promise.all(all);
    expect(order).toEqual(["critical", "critical", "high", "normal", "low"]);
  });

  test("a task begins before run() returns when one is idle, and gets the context of its signal", async () => {
    const pool = makePool(new Service().calls);
    await pool.run(() => {});
    const seen: unknown[] = [];
    const context = root.withCancel();
    const run = pool.run(({ id }, given) => seen.push(id, given === context), { signal: context });
    expect(seen).toEqual([1, true]);
    await run;
    expectTypeOf(pool).toEqualTypeOf<Pool<Connection>>();
    expectTypeOf(await pool.run(() => "text")).toBeString();
  });

  test("tryPermit takes an idle one, makes none and never waits", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1 });
    expect(pool.tryPermit()).toBeUndefined();
    expect(service.attempts).toBe(0);
    await pool.run(() => {});
    {
      using permit = pool.tryPermit();
      expect(permit?.resource.id).toBe(1);
      expect(pool.tryPermit()).toBeUndefined();
    }
    expect(pool.idle).toBe(1);
  });

  test("with validate, tryPermit has none to give", async () => {
    const pool = makePool({ ...new Service().calls, validate: () => true });
    await pool.run(() => {});
    expect([pool.idle, pool.tryPermit()]).toEqual([1, undefined]);
  });

  test("a create that answers at once need not be waited for by more than a tick", async () => {
    let made = 0;
    const pool = makePool({ create: () => ++made, max: 2 });
    expect(await Promise.all([1, 2, 3].map(() => pool.run((id) => id)))).toEqual([1, 2, 1]);
  });
});

describe("a permit", () => {
  test("counts its first release or destroy only", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 2 });
    const [first, second] = await Promise.all([pool.permit(), pool.permit()]);
    first.release();
    const third = await pool.permit();
    expect(third.resource).toBe(first.resource);
    first.release();
    first.destroy();
    first[Symbol.dispose]();
    expect([pool.held, pool.idle, third.resource.state]).toEqual([2, 0, "open"]);
    second.destroy(new Error("broken"));
    second.release();
    expect([second.resource.state, pool.size, pool.inspect().broken]).toEqual(["broken", 1, 1]);
    expectTypeOf(first).toEqualTypeOf<PoolPermit<Connection>>();
  });

  test("a destroyed one makes room for a new one", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1 });
    const permit = await pool.permit();
    const next = pool.run(({ id }) => id);
    permit.destroy();
    expect(await next).toBe(2);
    expect([service.most, pool.size]).toEqual([1, 1]);
  });
});

describe("a task that fails", () => {
  const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  test.each<readonly [string, unknown, boolean]>([
    ["an error of the program", new TypeError("x is undefined"), false],
    ["something unknown", new Error("no"), false],
    ["no error at all", "no", false],
    ["a unique violation", Object.assign(new Error("duplicate key"), { code: "23505" }), false],
    ["a deadlock", Object.assign(new Error("deadlock detected"), { code: "40P01" }), false],
    ["a service refused elsewhere", Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), false],
    ["a reset connection", lost, true],
    ["a reset connection as the cause", new Error("query failed", { cause: lost }), true],
    ["a reset connection among others", new AggregateError([new Error("no"), lost]), true],
    ["a server that shuts down", Object.assign(new Error("terminating"), { code: "57P01" }), true],
    ["a lost connection by sqlState", Object.assign(new Error("gone"), { sqlState: "08S01" }), true],
    ["a lost connection by its message", new Error("Connection terminated unexpectedly"), true],
    ["a transaction that took too long", Object.assign(new Error("terminating"), { code: "25P04" }), true],
    ["a database that was dropped", Object.assign(new Error("terminating"), { code: "57P04" }), true],
    ["a connection that was killed", Object.assign(new Error("killed"), { code: "ER_CONNECTION_KILLED" }), true],
    ["a connection that was killed, by its message", new Error("Connection was killed"), true],
    ["what its client calls fatal", Object.assign(new Error("Can't write in closed state"), { fatal: true }), true],
    ["what its client does not call fatal", Object.assign(new Error("no such table"), { fatal: false }), false],
    ["a timeout", new DOMException("timed out", "TimeoutError"), true],
    ["a cancellation", new CanceledError(), true],
  ])("with %s", async (_name, error, isBroken) => {
    const service = new Service();
    const pool = makePool(service.calls);
    const fail = (): never => {
      throw error;
    };
    expect(await outcome(pool.run(fail))).toEqual({ status: "rejected", reason: error });
    expect([service.made[0]!.state, pool.size]).toEqual(isBroken ? ["broken", 0] : ["open", 1]);
  });

  test("errors that hold each other are looked at once, not for ever", async () => {
    const pool = makePool(new Service().calls);
    const circle = new AggregateError([]);
    for (let index = 0; index < 100; index++) circle.errors.push(circle);
    circle.cause = circle;
    await expect(pool.run(() => Promise.reject(circle))).rejects.toBe(circle);
    expect(pool.size).toBe(1);
  });

  test("isBroken decides, and one that throws counts as yes", async () => {
    const seen: unknown[] = [];
    const error = new Error("no");
    const answers = [
      () => false,
      () => true,
      () => {
        throw new Error("isBroken failed");
      },
    ];
    const isBroken = (given: unknown): boolean => {
      seen.push(given);
      return answers[seen.length - 1]!();
    };
    const pool = makePool({ ...new Service().calls, isBroken });
    const sizes: number[] = [];
    for (const _ of answers) {
      await expect(pool.run(() => Promise.reject(error))).rejects.toBe(error);
      sizes.push(pool.size);
    }
    expect([seen, sizes]).toEqual([
      [error, error, error],
      [1, 0, 0],
    ]);
  });
});

describe("who waits", () => {
  test("is refused after acquireTimeout, or a timeout of its own", async () => {
    const pool = makePool({ ...new Service().calls, max: 1, name: "orders" });
    const holder = await pool.permit();
    const [usual, short] = [observe(pool.permit()), observe(pool.permit({ timeout: "1s" }))];
    await clock.advance(999);
    expect([usual.outcome.status, short.outcome.status]).toEqual(["pending", "pending"]);
    await clock.advance(1);
    expect([usual.outcome.status, short.outcome.status]).toEqual(["pending", "rejected"]);
    await clock.advance(2000);
    expect(usual.outcome).toMatchObject({ status: "rejected", reason: full });
    const { reason } = usual.outcome as { reason: SnowshedError };
    expect([classify(reason), reason.message]).toEqual([
      "overload",
      'no resource of the pool "orders", max 1: none came in 3000 ms',
    ]);
    expect(await outcome(pool.permit({ timeout: 0 }))).toMatchObject({ status: "rejected", reason: full });
    holder.release();
    expect([pool.idle, pool.pending, pool.inspect().refused]).toEqual([1, 0, 3]);
  });

  test("is refused at once where maxQueue wait already, unless it is more important", async () => {
    const pool = makePool({ ...new Service().calls, max: 2, maxQueue: 2 });
    const holders = await Promise.all([pool.permit(), pool.permit()]);
    const low = observe(pool.permit({ priority: "low" }));
    const high = observe(pool.permit({ priority: "high" }));
    expect(await outcome(pool.permit({ priority: "low" }))).toMatchObject({ status: "rejected", reason: full });
    const critical = observe(pool.permit({ priority: "critical" }));
    await drained();
    expect(low.outcome).toMatchObject({ status: "rejected", reason: full });
    for (const holder of holders) holder.release();
    await drained();
    expect([high.outcome.status, critical.outcome.status]).toEqual(["fulfilled", "fulfilled"]);
  });

  test("a queue of nothing refuses only who finds no place", async () => {
    const pool = makePool({ ...new Service().calls, max: 2, maxQueue: 0 });
    const all = [pool.permit(), pool.permit(), pool.permit()].map((each) => observe(each));
    await drained();
    expect(all.map(({ outcome: { status } }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  });

  test("may give up; the place is not lost, nor its turn", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1 });
    const holder = await pool.permit();
    const context = root.withCancel();
    const [first, second] = [observe(pool.permit({ signal: context })), observe(pool.permit())];
    context.cancel("no more");
    await drained();
    expect(first.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_CANCELED" } });
    expect(pool.pending).toBe(1);
    holder.release();
    await drained();
    expect(second.outcome.status).toBe("fulfilled");
    expect(await outcome(pool.permit({ signal: context }))).toMatchObject({ status: "rejected" });
  });

  test("and is canceled in the tick of its hand-over passes it on", async () => {
    const pool = makePool({ ...new Service().calls, max: 1 });
    const holder = await pool.permit();
    const context = root.withCancel();
    const [first, second] = [observe(pool.permit({ signal: context })), observe(pool.permit())];
    holder.release();
    context.cancel();
    await drained();
    expect([first.outcome.status, second.outcome.status, pool.held]).toEqual(["rejected", "fulfilled", 1]);
  });

  test("with a signal that has aborted is refused also when one is idle", async () => {
    const pool = makePool(new Service().calls);
    await pool.run(() => {});
    const refused = pool.permit({ signal: AbortSignal.abort() });
    expect(await outcome(refused)).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_CANCELED" } });
    expect([pool.idle, pool.held]).toEqual([1, 0]);
  });

  test("leaves what was being made for it to the next one", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1 });
    const context = root.withCancel();
    const first = observe(pool.permit({ signal: context }));
    context.cancel();
    await drained();
    expect([first.outcome.status, pool.idle, service.attempts]).toEqual(["rejected", 1, 1]);
    expect(await pool.run(({ id }) => id)).toBe(1);
  });
});

describe("what is idle", () => {
  test("is destroyed after idleTimeout, down to min", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, min: 1, idleTimeout: "10s" });
    await drained();
    expect([pool.idle, service.attempts]).toEqual([1, 1]);
    const permits = await Promise.all([pool.permit(), pool.permit(), pool.permit()]);
    permits[1].release();
    await clock.advance("5s");
    permits[0].release();
    permits[2].release();
    await clock.advance(4999);
    expect(pool.size).toBe(3);
    await clock.advance(1);
    expect([pool.size, permits[1].resource.state]).toEqual([2, "closed"]);
    await clock.advance("5s");
    expect([pool.size, permits[0].resource.state, permits[2].resource.state]).toEqual([1, "closed", "open"]);
    await clock.advance("1m");
    expect(pool.size).toBe(1);
  });

  test("is destroyed when it is old, each at a time of its own, and min is made again", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, min: 3, idleTimeout: "1h", maxAge: "10m" });
    await drained();
    const before = [...service.made];
    await clock.advance(9 * 60_000 - 1);
    expect(service.open).toEqual(before);
    const ages = new Set<number>();
    while (before.some(({ state }) => state === "open") && clock.now() < 660_000) {
      const open = service.open.filter((each) => before.includes(each)).length;
      await clock.advance(100);
      if (service.open.filter((each) => before.includes(each)).length < open) ages.add(clock.now());
      expect(pool.size).toBe(3);
    }
    expect(ages.size).toBe(3);
    expect(Math.max(...ages)).toBeLessThanOrEqual(600_100);
  });

  test("is not lent when it got old while no timer could fire", async () => {
    let asleep = 0;
    const sleeping: Clock = {
      now: () => clock.now() + asleep,
      date: () => clock.date() + asleep,
      random: () => 0,
      setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    };
    for (const validate of [undefined, () => true]) {
      asleep = 0;
      const service = new Service();
      const pool = makePool({ ...service.calls, clock: sleeping, validate });
      await pool.run(() => {});
      asleep = 30 * 60_000;
      expect(pool.tryPermit()).toBeUndefined();
      expect(await pool.run(({ id }) => id)).toBe(2);
      expect(service.made[0]!.state).toBe("closed");
    }
  });

  test("one that got old while it was held is destroyed when it comes back", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1, maxAge: "1m", leakThreshold: "1h" });
    const holder = await pool.permit();
    const next = observe(pool.permit({ timeout: "1h" }));
    await clock.advance("61s");
    expect(holder.resource.state).toBe("open");
    holder.release();
    await drained();
    expect([holder.resource.state, service.most]).toEqual(["closed", 1]);
    expect(next.outcome).toMatchObject({ status: "fulfilled", value: { resource: { id: 2 } } });
  });
});

describe("close", () => {
  test("refuses who waits and who comes, waits for holders, destroys all", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 2, name: "orders" });
    const [idle, held] = await Promise.all([pool.permit(), pool.permit()]);
    const waiting = observe(pool.permit());
    idle.release();
    await drained();
    expect(waiting.outcome.status).toBe("fulfilled");
    const late = observe(pool.permit());
    const end = observe(pool.close());
    await drained();
    expect(late.outcome).toMatchObject({ status: "rejected", reason: closed });
    expect(await outcome(pool.run(() => 1))).toMatchObject({ status: "rejected", reason: closed });
    expect([pool.tryPermit(), end.outcome.status]).toEqual([undefined, "pending"]);
    held.release();
    await drained();
    expect(end.outcome.status).toBe("pending");
    (waiting.outcome as { value: PoolPermit<Connection> }).value.release();
    await drained();
    expect([end.outcome.status, pool.size, service.open]).toEqual(["fulfilled", 0, []]);
    await pool.close();
    expect(classify((late.outcome as { reason: unknown }).reason)).toBe("fatal");
  });

  test("after its timeout destroys what is held, and says so", async () => {
    const service = new Service();
    const pool = makePool(service.calls);
    const permit = await pool.permit();
    const never = deferred();
    const task = observe(pool.run(() => never.promise));
    await drained();
    const end = observe(pool.close({ timeout: "5s" }));
    await clock.advance(4999);
    expect([end.outcome.status, service.open.length]).toEqual(["pending", 2]);
    await clock.advance(1);
    expect(end.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } });
    expect([service.open, pool.size, pool.held]).toEqual([[], 0, 0]);
    permit.release();
    never.resolve();
    await drained();
    expect([task.outcome.status, pool.size, pool.idle]).toEqual(["fulfilled", 0, 0]);
  });

  test("with a timeout of 0 waits for nobody", async () => {
    const service = new Service();
    const pool = makePool(service.calls);
    await pool.permit();
    const end = await outcome(pool.close({ timeout: 0 }));
    expect(end).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } });
    expect([service.made[0]!.state, pool.size]).toEqual(["broken", 0]);
  });

  test("is what `await using` does", async () => {
    const service = new Service();
    {
      await using pool = new Pool({ ...service.calls, clock });
      await pool.run(() => {});
      expect(service.open.length).toBe(1);
    }
    expect(service.open).toEqual([]);
    await clock.advance(10);
  });

  test("waits for what is being made, and destroys it", async () => {
    const service = new Service();
    const pool = makePool(service.calls);
    const waiting = observe(pool.permit());
    const end = observe(pool.close());
    expect(pool.size).toBe(1);
    await drained();
    expect([waiting.outcome.status, end.outcome.status, service.made[0]!.state]).toEqual([
      "rejected",
      "fulfilled",
      "closed",
    ]);
  });
});

describe("what can be seen", () => {
  test("inspect", async () => {
    const pool = makePool({ ...new Service().calls, max: 3, min: 1, name: "orders" });
    const permit = await pool.permit();
    await clock.advance("2s");
    expect(pool.inspect()).toEqual({
      name: "orders",
      max: 3,
      min: 1,
      size: 1,
      idle: 0,
      held: 1,
      creating: 0,
      validating: 0,
      destroying: 0,
      pending: 0,
      longestHeld: 2000,
      created: 1,
      createFailures: 0,
      broken: 0,
      refused: 0,
      leaks: 0,
      lastError: undefined,
    });
    permit.destroy();
  });

  test("hooks", async () => {
    const recorded = new RecordedHooks();
    installHooks(recorded);
    try {
      const pool = makePool({ ...new Service().calls, max: 1, name: "orders" });
      await pool.run(() => {});
      const holder = pool.tryPermit()!;
      const context = Context.root({ clock }).withCancel();
      const waiting = observe(pool.permit({ signal: context }));
      context.cancel();
      await drained();
      holder.destroy();
      expect(waiting.outcome.status).toBe("rejected");
      expect(recorded.open).toEqual([]);
      expect(recorded.events).toEqual([
        "resourceCreated pool orders 1",
        "blocked orders 1",
        "unblocked orders true",
        "acquired orders 1",
        "released orders 1",
        "acquired orders 1",
        "blocked orders 1",
        "unblocked orders false",
        "released orders 1",
      ]);
    } finally {
      installHooks(null);
    }
  });
});

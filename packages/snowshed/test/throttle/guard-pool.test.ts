// A guard in front of pools of each kind: what it asks of them, and what it gives back.
import { EventEmitter } from "node:events";
import { createPool as createGenericPool } from "generic-pool";
import { Pool as PgPool } from "pg";
import type { PoolClient } from "pg";
import type { Pool, PoolLeak } from "snowshed/throttle";
import { guardPool } from "snowshed/throttle";
import { Pool as TarnPool } from "tarn";
import { afterEach, describe, expect, expectTypeOf, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import type { Connection } from "./connections.ts";
import { Service } from "./connections.ts";

useFakeTime();

afterEach(async () => {
  // One timer does for the waits of many callers; it goes 10 ms after the last.
  await clock.advance(10);
});

const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

/** Says what was done with the clients of a pool. */
class Log {
  readonly events: string[] = [];
  taken = 0;
  most = 0;
  out = 0;

  take(): number {
    this.most = Math.max(this.most, ++this.out);
    this.events.push(`take ${++this.taken}`);
    return this.taken;
  }

  back(event: string): void {
    this.out--;
    this.events.push(event);
  }
}

function pgPool(log: Log, max: number) {
  return {
    options: { max },
    connect: async () => {
      const id = log.take();
      return { id, release: (broken?: boolean) => log.back(`release ${id} ${broken}`) };
    },
  };
}

function mysqlPool(log: Log, connectionLimit: number) {
  return {
    pool: { config: { connectionLimit } },
    getConnection: async () => {
      const id = log.take();
      return { id, release: () => log.back(`release ${id}`), destroy: () => log.back(`destroy ${id}`) };
    },
  };
}

function genericPool(log: Log, max: number) {
  return {
    max,
    acquire: async () => ({ id: log.take() }),
    release: async ({ id }: { readonly id: number }) => log.back(`release ${id}`),
    destroy: async ({ id }: { readonly id: number }) => log.back(`destroy ${id}`),
    isBorrowedResource: () => true,
  };
}

function tarnPool(log: Log, max: number) {
  return {
    max,
    acquire: () => ({ promise: Promise.resolve({ id: log.take() }), abort: () => {} }),
    release: ({ id }: { readonly id: number }) => {
      log.back(`release ${id}`);
      return true;
    },
    destroy: () => log.events.push("the whole pool destroyed"),
  };
}

interface Guarded {
  readonly max: number;
  readonly held: number;
  readonly pending: number;
  run<R>(task: (client: { readonly id: number }) => R | PromiseLike<R>): Promise<R>;
  close(): Promise<void>;
}

const kinds: readonly (readonly [string, (log: Log) => Guarded, readonly string[]])[] = [
  ["pg", (log) => guardPool(pgPool(log, 2), { clock }), ["release 1 false", "release 2 true", "release 3 false"]],
  ["mysql2", (log) => guardPool(mysqlPool(log, 2), { clock }), ["release 1", "destroy 2", "release 3"]],
  ["generic-pool", (log) => guardPool(genericPool(log, 2), { clock }), ["release 1", "destroy 2", "release 3"]],
  ["tarn", (log) => guardPool(tarnPool(log, 2), { clock }), ["release 1", "release 2", "release 3"]],
];

describe.each(kinds)("in front of a pool of %s", (_name, guard, ends) => {
  test("a client is taken for each caller, and given back, or removed when it broke", async () => {
    const log = new Log();
    const pool = guard(log);
    expect(await pool.run(({ id }) => id)).toBe(1);
    await expect(pool.run(() => Promise.reject(lost))).rejects.toBe(lost);
    await expect(pool.run(() => Promise.reject(new Error("of the program")))).rejects.toThrow("of the program");
    expect(log.events).toEqual([1, 2, 3].flatMap((id) => [`take ${id}`, ends[id - 1]]));
    await pool.close();
  });

  test("no more than its max are held at once", async () => {
    const log = new Log();
    const pool = guard(log);
    const all = Promise.all(Array.from({ length: 10 }, () => pool.run(() => root.sleep("10ms"))));
    await drained();
    expect([pool.max, pool.held, pool.pending]).toEqual([2, 2, 8]);
    await clock.advance("50ms");
    await all;
    expect([log.most, log.taken, log.out]).toEqual([2, 10, 0]);
    await pool.close();
  });
});

/** A real pool, of packages that lend whatever their user makes. */
interface RealPool {
  guard(options?: { readonly limit?: number; readonly acquireTimeout?: number }): Pool<Connection>;
  /** Of somebody who does not use the guard. */
  take(): PromiseLike<Connection>;
  giveBack(connection: Connection): unknown;
  /** How many it has lent, how many wait for one, how many there are. */
  counts(): readonly [number, number, number];
  end(): Promise<unknown>;
}

function realGenericPool(service: Service, max: number): RealPool {
  const pool = createGenericPool(
    {
      create: () => service.create(),
      destroy: async (connection: Connection) => service.destroy(connection, false),
    },
    { max },
  );
  return {
    guard: (options = {}) => {
      const guarded = guardPool(pool, { clock, ...options });
      expectTypeOf(guarded).toEqualTypeOf<Pool<Connection>>();
      return guarded;
    },
    take: () => pool.acquire(),
    giveBack: (connection) => pool.release(connection),
    counts: () => [pool.borrowed, pool.pending, pool.size],
    end: () => pool.drain().then(() => pool.clear()),
  };
}

function realTarnPool(service: Service, max: number): RealPool {
  const pool = new TarnPool<Connection>({
    create: () => service.create(),
    destroy: (connection) => service.destroy(connection, false),
    min: 0,
    max,
  });
  return {
    guard: (options = {}) => {
      const guarded = guardPool(pool, { clock, ...options });
      expectTypeOf(guarded).toEqualTypeOf<Pool<Connection>>();
      return guarded;
    },
    take: () => pool.acquire().promise,
    giveBack: (connection) => pool.release(connection),
    counts: () => [pool.numUsed(), pool.numPendingAcquires(), pool.numUsed() + pool.numFree()],
    end: () => pool.destroy(),
  };
}

describe.each<readonly [string, (service: Service, max: number) => RealPool]>([
  ["generic-pool", realGenericPool],
  ["tarn", realTarnPool],
])("in front of a real pool of %s", (_name, make) => {
  test("clients are kept, and one that broke is not lent again", async () => {
    const service = new Service();
    const real = make(service, 2);
    const guard = real.guard();
    expect(guard.max).toBe(2);
    const ids = [await guard.run(({ id }) => id), await guard.run(({ id }) => id)];
    await expect(guard.run(() => Promise.reject(lost))).rejects.toBe(lost);
    ids.push(await guard.run(({ id }) => id));
    await expect(guard.run(() => Promise.reject(new Error("of the program")))).rejects.toThrow("of the program");
    ids.push(await guard.run(({ id }) => id));
    expect([ids, service.made[0]!.state, real.counts()]).toEqual([[1, 1, 2, 2], "closed", [0, 0, 1]]);
    await guard.close();
    await real.end();
  });

  test("many callers, more of them let in than there are clients: all are served, none is lost", async () => {
    const service = new Service();
    const real = make(service, 2);
    const guard = real.guard({ limit: 5 });
    const inUse = new Set<Connection>();
    const task = async (connection: Connection): Promise<void> => {
      expect(inUse.has(connection)).toBe(false);
      inUse.add(connection);
      await drained();
      inUse.delete(connection);
    };
    await Promise.all(Array.from({ length: 100 }, () => guard.run(task)));
    expect([guard.inspect().createFailures, service.attempts, real.counts()]).toEqual([0, 2, [0, 0, 2]]);
    await guard.close();
    await real.end();
  });

  test("what comes too late is given back", async () => {
    const real = make(new Service(), 1);
    const guard = real.guard({ acquireTimeout: 1000 });
    const connection = await real.take();
    const waiting = observe(guard.permit());
    await clock.advance(1000);
    expect([waiting.outcome.status, guard.size, real.counts()]).toEqual(["rejected", 0, [1, 1, 1]]);
    await real.giveBack(connection);
    await drained();
    expect(real.counts()).toEqual([0, 0, 1]);
    // And the guard goes on: after a pause, since the last attempt had failed.
    const next = observe(guard.run(({ id }) => id));
    await clock.advance(100);
    expect(next.outcome).toEqual({ status: "fulfilled", value: 1 });
    await guard.close();
    await real.end();
  });

  test("a permit that is destroyed leaves its place free", async () => {
    const service = new Service();
    const real = make(service, 1);
    const guard = real.guard();
    for (let round = 0; round < 3; round++) {
      const permit = await guard.permit();
      permit.destroy();
    }
    await guard.run(() => {});
    expect([service.made.length, real.counts()]).toEqual([4, [0, 0, 1]]);
    await guard.close();
    await real.end();
  });
});

test("in front of a pool of tarn with a validate of its own, that one is still asked", async () => {
  const service = new Service();
  const asked: number[] = [];
  const invalid = new Set<number>();
  const validate = ({ id }: Connection): boolean => {
    asked.push(id);
    return !invalid.has(id);
  };
  const create = (): Promise<Connection> => service.create();
  const destroy = (each: Connection): void => service.destroy(each, false);
  const tarn = new TarnPool<Connection>({ create, destroy, validate, min: 0, max: 1 });
  const ids: number[] = [];
  // Two guards in front of one pool, as two parts of a program may have them.
  for (const guard of [guardPool(tarn, { clock }), guardPool(tarn, { clock })]) {
    await guard.run(({ id }) => ids.push(id));
    await guard.run(() => Promise.reject(lost)).catch(() => {});
    await guard.run(({ id }) => ids.push(id));
    invalid.add(ids.at(-1)!);
    await guard.run(({ id }) => ids.push(id));
    await guard.close();
  }
  expect([ids, asked.length > 0]).toEqual([[1, 2, 3, 3, 4, 5], true]);
  await tarn.destroy();
});

describe("a guard", () => {
  test("gets a client again that it has given back, before it was told that this has ended", async () => {
    const client = { id: 1 };
    let free = true;
    const waiting: ((lent: typeof client) => void)[] = [];
    const behind = {
      max: 2,
      acquire: () =>
        new Promise<typeof client>((resolve) => {
          if (!free) waiting.push(resolve);
          else {
            free = false;
            resolve(client);
          }
        }),
      release: async (): Promise<void> => {
        const next = waiting.shift();
        if (next === undefined) free = true;
        else next(client);
        await drained();
      },
    };
    const pool = guardPool(behind, { clock });
    const ids = await Promise.all([1, 2, 3].map(() => pool.run(({ id }) => id)));
    expect([ids, pool.inspect().createFailures]).toEqual([[1, 1, 1], 0]);
    await pool.close();
    expect(free).toBe(true);
  });

  test("lends no client twice, though the pool behind it does, and listens no longer in the end", async () => {
    const released: unknown[] = [];
    const client = Object.assign(new EventEmitter(), { release: (broken?: boolean) => released.push(broken) });
    const pool = guardPool({ options: { max: 2 }, connect: async () => client }, { clock });
    const first = await pool.permit();
    const second = await outcome(pool.permit());
    expect(second).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_INVALID_ARGUMENT" } });
    first.release();
    expect([released, client.listenerCount("error"), pool.size]).toEqual([[false], 0, 0]);
    await pool.close();
  });

  test("has the types of the client", () => {
    const pg = new PgPool({ max: 7 });
    const guarded = guardPool(pg);
    expectTypeOf(guarded).toEqualTypeOf<Pool<PoolClient>>();
    expect(guarded.max).toBe(7);
    const log = new Log();
    type Numbered = Pool<{ id: number; release: (broken?: boolean) => void }>;
    expectTypeOf(guardPool(pgPool(log, 1))).toEqualTypeOf<Numbered>();
    expectTypeOf(guardPool(mysqlPool(log, 1)).run<void>)
      .parameter(0)
      .parameter(0)
      .toHaveProperty("destroy");
    expectTypeOf(guardPool(genericPool(log, 1))).toExtend<Pool<{ id: number }>>();
    expectTypeOf(guardPool(tarnPool(log, 1))).toExtend<Pool<{ id: number }>>();
    expect(log.taken).toBe(0);
  });

  test("takes a limit of its own, and a deadline", async () => {
    const pool = guardPool(pgPool(new Log(), 10), { clock, limit: 1, acquireTimeout: "100ms", maxQueue: 1 });
    const holder = await pool.permit();
    const second = observe(pool.permit());
    expect(await outcome(pool.permit())).toMatchObject({
      status: "rejected",
      reason: { code: "SNOWSHED_LIMIT_EXCEEDED" },
    });
    await clock.advance(100);
    expect(second.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_LIMIT_EXCEEDED" } });
    holder.release();
    await pool.close();
  });

  test("gives back what comes too late from a pool that others use up", async () => {
    const log = new Log();
    const late = deferred<{ readonly id: number; release(broken?: boolean): void }>();
    const pool = guardPool({ options: { max: 1 }, connect: () => late.promise }, { clock, acquireTimeout: "1s" });
    const waiting = observe(pool.permit());
    await clock.advance("1s");
    expect([waiting.outcome.status, pool.size]).toEqual(["rejected", 0]);
    late.resolve({ id: 1, release: (broken) => log.back(`release 1 ${broken}`) });
    await drained();
    expect(log.events).toEqual(["release 1 false"]);
    await pool.close();
  });

  test("removes a client that had an error while it was held, and listens no longer", async () => {
    const released: unknown[] = [];
    const client = Object.assign(new EventEmitter(), { release: (broken?: boolean) => released.push(broken) });
    const pool = guardPool({ options: { max: 1 }, connect: async () => client }, { clock });
    await pool.run(() => client.emit("error", lost));
    await pool.run(() => client.listenerCount("error"));
    expect([released, client.listenerCount("error")]).toEqual([[true, false], 0]);
    await pool.close();
  });

  test("reports leaks, and shows what is held", async () => {
    const leaks: PoolLeak<{ readonly id: number }>[] = [];
    const options = { clock, leakThreshold: "1s", onLeak: (leak: (typeof leaks)[number]) => leaks.push(leak) } as const;
    const pool = guardPool(pgPool(new Log(), 3), options);
    const permit = await pool.permit();
    await clock.advance("1s");
    expect(leaks).toMatchObject([{ resource: { id: 1 }, heldFor: 1000 }]);
    expect(leaks[0]!.acquiredAt).toContain("guard-pool.test.ts");
    expect(pool.inspect()).toMatchObject({ max: 3, held: 1, longestHeld: 1000, leaks: 1 });
    permit.release();
    await pool.close();
  });

  test("has nothing that is idle: who does not wait gets nothing", async () => {
    const log = new Log();
    const pool = guardPool(pgPool(log, 2), { clock });
    await pool.run(() => {});
    expect([pool.tryPermit(), pool.idle]).toEqual([undefined, 0]);
    expect(await outcome(pool.permit({ timeout: 0 }))).toMatchObject({ reason: { code: "SNOWSHED_LIMIT_EXCEEDED" } });
    expect([log.taken, log.out]).toEqual([1, 0]);
    await pool.close();
  });

  test("leaves the pool behind it open when it closes", async () => {
    const log = new Log();
    const behind = genericPool(log, 2);
    const pool = guardPool(behind, { clock });
    await pool.run(() => {});
    await pool.close();
    expect(await outcome(pool.run(() => {}))).toMatchObject({ reason: { code: "SNOWSHED_POOL_CLOSED" } });
    expect(await behind.acquire()).toEqual({ id: 2 });
  });

  test.each<readonly [string, object, object?]>([
    ["something else", {}],
    ["a client", { query: () => {} }],
    ["a pool that does not tell its max", { connect: () => {} }],
    ["a negative limit", { connect: () => {} }, { limit: -1 }],
    ["a limit of NaN", { connect: () => {} }, { limit: Number.NaN }],
    ["a negative acquireTimeout", { connect: () => {}, options: { max: 1 } }, { acquireTimeout: -1 }],
    ["null", null as never],
  ])("is not made of %s", (_name, pool, options) => {
    expect(() => guardPool(pool as ReturnType<typeof tarnPool>, options as object)).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
  });
});

// A real PostgreSQL server that is killed while many hold and wait for connections.
import { createPool } from "generic-pool";
import { Client, Pool as PgPool } from "pg";
import type { PoolClient } from "pg";
import { guardPool, Pool } from "snowshed/throttle";
import { Pool as TarnPool } from "tarn";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { PostgresServer } from "../support/postgres.ts";
import { startPostgres } from "../support/postgres.ts";
import type { Drill } from "./pool-crash.ts";
import { capacity, crash } from "./pool-crash.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres(50);
}, 300_000);

afterAll(async () => {
  await server.remove();
});

interface Queryable {
  query(text: string): Promise<{ readonly rows: readonly { readonly pid: number }[] }>;
}

const max = 20;
const acquireTimeout = 3000;
const drill: Drill<Queryable> = {
  server: { kill: () => server.kill(), start: () => server.start() },
  max,
  acquireTimeout,
  identify: async (client) => (await client.query("select pg_backend_pid() as pid")).rows[0]!.pid,
  hang: (client) => client.query("select pg_sleep(600)"),
};

/** What pools of other packages are told of connections to the server. */
function connections() {
  const broken = new WeakSet<Client>();
  return {
    create: async (): Promise<Client> => {
      const client = new Client(server.connection);
      // Without a listener an error of an idle connection would end the process.
      client.on("error", () => broken.add(client));
      await client.connect();
      return client;
    },
    destroy: (client: Client): Promise<void> => client.end(),
    isValid: (client: Client): boolean => !broken.has(client),
  };
}

describe("every caller is told in time, and all places are there when the server is back", { timeout: 240_000 }, () => {
  test("Pool", async () => {
    const { create, destroy, isValid } = connections();
    await using pool = new Pool({ max, acquireTimeout, create, destroy, validate: isValid });
    await crash(pool, drill);
    expect(pool.inspect()).toMatchObject({ size: max, idle: max, destroying: 0, leaks: 0 });
  });

  test("guardPool around a pool of pg", async () => {
    const pgPool = new PgPool({ ...server.connection, max });
    pgPool.on("error", () => {});
    const guard = guardPool(pgPool, { acquireTimeout });
    expect(guard.max).toBe(max);
    await crash(guard, drill);
    expect([pgPool.totalCount, pgPool.idleCount, pgPool.waitingCount]).toEqual([max, max, 0]);
    await guard.close();
    await pgPool.end();
  });

  test("guardPool around a pool of generic-pool", async () => {
    const { create, destroy, isValid } = connections();
    const factory = { create, destroy, validate: async (client: Client) => isValid(client) };
    const generic = createPool(factory, { max, testOnBorrow: true });
    const guard = guardPool(generic, { acquireTimeout });
    expect(guard.max).toBe(max);
    await crash(guard, drill);
    expect([generic.size, generic.available, generic.borrowed, generic.pending]).toEqual([max, max, 0, 0]);
    await guard.close();
    await generic.drain();
    await generic.clear();
  });

  test("guardPool around a pool of tarn", async () => {
    const { create, destroy, isValid } = connections();
    const tarn = new TarnPool({ create, destroy, validate: isValid, min: 0, max });
    const guard = guardPool(tarn, { acquireTimeout });
    expect(guard.max).toBe(max);
    await crash(guard, drill);
    expect([tarn.numFree(), tarn.numUsed(), tarn.numPendingAcquires()]).toEqual([max, 0, 0]);
    await guard.close();
    await tarn.destroy();
  });
});

describe("guardPool around a pool of pg", () => {
  async function withGuard(use: (guard: Pool<PoolClient>) => Promise<void>): Promise<void> {
    const pgPool = new PgPool({ ...server.connection, max: 1 });
    pgPool.on("error", () => {});
    const guard = guardPool(pgPool, { limit: 2, acquireTimeout });
    await use(guard);
    expect([pgPool.totalCount, pgPool.idleCount, pgPool.waitingCount]).toEqual([1, 1, 0]);
    await guard.close();
    await pgPool.end();
  }

  test("removes a connection that the server ended while it worked", async () => {
    await withGuard(async (guard) => {
      const pid = await guard.run(drill.identify);
      const end = guard.run((client) => client.query("select pg_terminate_backend(pg_backend_pid())"));
      await expect(end).rejects.toMatchObject({ code: "57P01" });
      expect(await guard.run(drill.identify)).not.toBe(pid);
    });
  });

  test("removes a connection that the server ended while nothing was asked of it", async () => {
    await withGuard(async (guard) => {
      const pid = await guard.run(drill.identify);
      await guard.run(async (client) => {
        await client.query("set idle_in_transaction_session_timeout = 20");
        await client.query("begin");
        await new Promise((resolve) => client.once("error", resolve));
      });
      expect(await guard.run(drill.identify)).not.toBe(pid);
    });
  });

  test("keeps a connection after an error of SQL", async () => {
    await withGuard(async (guard) => {
      const pid = await guard.run(drill.identify);
      await expect(guard.run((client) => client.query("select 1/0"))).rejects.toMatchObject({ code: "22012" });
      expect(await guard.run(drill.identify)).toBe(pid);
    });
  });

  test("lends no client twice that a task has released by itself, and loses no place", async () => {
    await withGuard(async (guard) => {
      let end!: () => void;
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      const first = guard.run(async (client) => {
        client.release();
        await ended;
      });
      await expect(guard.run(drill.identify)).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
      end();
      await first;
      expect(await capacity(guard, { ...drill, max: 1 })).toBe(1);
    });
  });
});

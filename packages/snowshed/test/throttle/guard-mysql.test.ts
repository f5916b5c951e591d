// Guards in front of real pools of mysql2, and of other pools that hold its connections, with a real MariaDB server.
import type { EventEmitter } from "node:events";
import { createPool as createGenericPool } from "generic-pool";
import { createPool as createCallbackPool } from "mysql2";
import type { Connection, PoolConnection, RowDataPacket } from "mysql2/promise";
import { createConnection, createPool } from "mysql2/promise";
import type { Pool } from "snowshed/throttle";
import { guardPool } from "snowshed/throttle";
import { Pool as TarnPool } from "tarn";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test, vi } from "vitest";
import type { MariadbServer } from "../support/mariadb.ts";
import { startMariadb } from "../support/mariadb.ts";
import type { Drill } from "./pool-crash.ts";
import { crash } from "./pool-crash.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: MariadbServer;

beforeAll(async () => {
  server = await startMariadb(50);
}, 300_000);

afterAll(async () => {
  await server.remove();
});

const max = 20;
const acquireTimeout = 3000;

async function idOf(client: Connection): Promise<number> {
  const [rows] = await client.query<RowDataPacket[]>("select connection_id() as id");
  return (rows[0] as { readonly id: number }).id;
}

const drill: Drill<Connection> = {
  server: { kill: () => server.kill(), start: () => server.start() },
  max,
  acquireTimeout,
  identify: idOf,
  hang: (client) => client.query("select sleep(600)"),
};

/** Until the server works for that connection: to be killed is what only those can feel that do something. */
async function untilBusy(other: Connection, id: number): Promise<void> {
  const busy = "select 1 from information_schema.processlist where command = 'Query' and id = ?";
  for (let found = 0; found === 0;) {
    const [rows] = await other.query<RowDataPacket[]>(busy, [id]);
    found = rows.length;
  }
}

/** What pools of other packages are told of connections to the server. */
function connections() {
  const broken = new WeakSet<Connection>();
  return {
    create: async (): Promise<Connection> => {
      const client = await createConnection(server.connection);
      client.on("error", () => broken.add(client));
      return client;
    },
    // An orderly end of one that is gone fails.
    destroy: async (client: Connection): Promise<void> => client.destroy(),
    isValid: (client: Connection): boolean => !broken.has(client),
  };
}

describe("every caller is told in time, and all places are there when the server is back", { timeout: 240_000 }, () => {
  test("guardPool around a pool of mysql2/promise", async () => {
    const mysqlPool = createPool({ ...server.connection, connectionLimit: max });
    const guard = guardPool(mysqlPool, { acquireTimeout });
    expectTypeOf(guard).toEqualTypeOf<Pool<PoolConnection>>();
    expect(guard.max).toBe(max);
    await crash(guard, drill);
    await guard.close();
    await mysqlPool.end();
  });

  test("guardPool around a pool of mysql2, with its callbacks", async () => {
    const mysqlPool = createCallbackPool({ ...server.connection, connectionLimit: max });
    const guard = guardPool(mysqlPool, { acquireTimeout });
    expectTypeOf(guard).toEqualTypeOf<Pool<PoolConnection>>();
    expect(guard.max).toBe(max);
    await crash(guard, drill);
    await guard.close();
    await mysqlPool.promise().end();
  });

  test("guardPool around a pool of generic-pool", async () => {
    const { create, destroy, isValid } = connections();
    const factory = { create, destroy, validate: async (client: Connection) => isValid(client) };
    const generic = createGenericPool(factory, { max, testOnBorrow: true });
    const guard = guardPool(generic, { acquireTimeout });
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
    await crash(guard, drill);
    expect([tarn.numFree(), tarn.numUsed(), tarn.numPendingAcquires()]).toEqual([max, 0, 0]);
    await guard.close();
    await tarn.destroy();
  });
});

describe("a guard around a pool of mysql2", () => {
  async function withGuard(use: (guard: Pool<PoolConnection>) => Promise<void>): Promise<void> {
    const mysqlPool = createPool({ ...server.connection, connectionLimit: 1 });
    const guard = guardPool(mysqlPool, { acquireTimeout });
    try {
      await use(guard);
    } finally {
      await guard.close();
      await mysqlPool.end();
    }
  }

  test.each<readonly [string, (client: PoolConnection, other: Connection) => Promise<unknown>]>([
    [
      "the server ended",
      async (client, other) => {
        const id = await idOf(client);
        const sleeping = client.query("select sleep(600)");
        await Promise.all([sleeping, untilBusy(other, id).then(() => other.query(`kill connection ${id}`))]);
      },
    ],
    ["ends itself", (client) => client.query("kill connection connection_id()")],
    ["the client gave up waiting for", (client) => client.query({ sql: "select sleep(600)", timeout: 50 })],
  ])("removes a connection that %s", async (_name, fail) => {
    const other = await createConnection(server.connection);
    await withGuard(async (guard) => {
      const id = await guard.run(idOf);
      await expect(guard.run((client) => fail(client, other))).rejects.toThrow();
      expect(await guard.run(idOf)).not.toBe(id);
      expect(guard.inspect().broken).toBe(1);
    });
    other.destroy();
  });

  test.each<readonly [string, (client: PoolConnection, other: Connection) => Promise<unknown>]>([
    ["an error of SQL", (client) => client.query("select no_such_column")],
    ["an error of the program", () => Promise.reject(new TypeError("x is undefined"))],
    [
      "a statement that was killed",
      async (client, other) => {
        const id = await idOf(client);
        const sleeping = client.query("select sleep(600)");
        await Promise.all([sleeping, untilBusy(other, id).then(() => other.query(`kill query ${id}`))]);
      },
    ],
  ])("keeps a connection after %s", async (_name, fail) => {
    const other = await createConnection(server.connection);
    await withGuard(async (guard) => {
      const id = await guard.run(idOf);
      await expect(guard.run((client) => fail(client, other))).rejects.toThrow();
      expect(await guard.run(idOf)).toBe(id);
    });
    other.destroy();
  });

  test("leaves no listener on a connection that is lent again and again", async () => {
    await withGuard(async (guard) => {
      const listeners = (client: PoolConnection): number =>
        (client.connection as unknown as EventEmitter).listenerCount("error");
      const first = await guard.run(async (client) => listeners(client));
      for (let round = 0; round < 50; round++) await guard.run(() => Promise.resolve());
      expect(await guard.run(async (client) => listeners(client))).toBe(first);
    });
  });

  test("is not caught by a connection that broke while it was idle", async () => {
    const other = await createConnection(server.connection);
    await withGuard(async (guard) => {
      let ended!: Promise<unknown>;
      const id = await guard.run((client) => {
        const { connection } = client as unknown as { readonly connection: EventEmitter };
        ended = new Promise((resolve) => connection.once("end", resolve));
        return idOf(client);
      });
      await other.query(`kill connection ${id}`);
      await ended;
      expect(await guard.run(idOf)).not.toBe(id);
    });
    other.destroy();
  });
});

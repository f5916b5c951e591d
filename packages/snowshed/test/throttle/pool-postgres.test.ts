// A real PostgreSQL server that is killed while many hold and wait for connections.
import { Client, Pool as PgPool } from "pg";
import { classify } from "snowshed";
import { guardPool, Pool } from "snowshed/throttle";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PostgresServer } from "../support/postgres.ts";
import { startPostgres } from "../support/postgres.ts";

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

interface Guard {
  run<R>(task: (client: Queryable) => Promise<R>): Promise<R>;
  readonly held: number;
  readonly pending: number;
}

const acquireTimeout = 3000;
const max = 20;

/** What became of `count` callers, and how long the slowest of them took from now on. */
function settle(
  calls: readonly Promise<unknown>[],
): Promise<{ readonly errors: readonly unknown[]; readonly slowest: number }> {
  const from = performance.now();
  return Promise.allSettled(calls).then((all) => ({
    errors: all.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : [])),
    slowest: performance.now() - from,
  }));
}

/** As many connections at once as there may be: each caller holds until all do. */
async function capacity(pool: Guard): Promise<number> {
  const pids = new Set<number>();
  let all!: () => void;
  const together = new Promise<void>((resolve) => {
    all = resolve;
  });
  const hold = async (client: Queryable): Promise<void> => {
    const { rows } = await client.query("select pg_backend_pid() as pid");
    pids.add(rows[0]!.pid);
    if (pids.size === max) all();
    await together;
  };
  await Promise.all(Array.from({ length: max }, () => pool.run(hold)));
  return pids.size;
}

async function crash(pool: Guard): Promise<void> {
  const sleep = (client: Queryable): Promise<unknown> => client.query("select pg_sleep(600)");
  const calls = Array.from({ length: 100 }, () => pool.run(sleep));
  const during = settle(calls);
  for (let round = 0; pool.held < max && round < 1000; round++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect([pool.held, pool.pending]).toEqual([max, 80]);

  await server.kill();
  const after = settle(Array.from({ length: 100 }, () => pool.run(sleep)));
  for (const { errors, slowest } of await Promise.all([during, after])) {
    expect(errors.length).toBe(100);
    expect(new Set(errors.map(classify))).not.toContain("fatal");
    // In time: a caller waits for as long as it may, and not for the operating system to notice.
    expect(slowest).toBeLessThan(acquireTimeout + 5000);
  }
  expect([pool.held, pool.pending]).toEqual([0, 0]);

  await server.start();
  // What was idle when the server went is no trap for the first that come.
  expect(await capacity(pool)).toBe(max);
  expect(await capacity(pool)).toBe(max);
}

test(
  "Pool: every caller is told in time, and all places are there when the server is back",
  { timeout: 120_000 },
  async () => {
    const broken = new WeakSet<Client>();
    await using pool = new Pool({
      max,
      acquireTimeout,
      create: async () => {
        const client = new Client(server.connection);
        // Without a listener an error of an idle connection would end the process.
        client.on("error", () => broken.add(client));
        await client.connect();
        return client;
      },
      destroy: (client) => client.end(),
      validate: (client) => !broken.has(client),
    });
    expect(await capacity(pool)).toBe(max);
    await crash(pool);
    expect(pool.inspect()).toMatchObject({ size: max, idle: max, destroying: 0, leaks: 0 });
  },
);

test("guardPool around a pool of pg: the same", { timeout: 120_000 }, async () => {
  const pgPool = new PgPool({ ...server.connection, max });
  pgPool.on("error", () => {});
  const guard = guardPool(pgPool, { acquireTimeout });
  expect(guard.max).toBe(max);
  expect(await capacity(guard)).toBe(max);
  await crash(guard);
  expect([pgPool.totalCount, pgPool.idleCount, pgPool.waitingCount]).toEqual([max, max, 0]);
  await guard.close();
  await pgPool.end();
});

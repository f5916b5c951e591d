// What becomes of effects when consumers, servers and connections fail at the worst moment.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PostgresTransaction } from "snowshed/postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Database, write } from "../adapters/postgres/fixture.ts";
import { startRedis, until } from "../support/redis.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import { startProxy } from "../support/tcp-proxy.ts";
import type { DeliveryPlan } from "./deduplication-worker.ts";
import { DeliveryWorker } from "./deduplication-worker.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let database: Database;
let proxy: TcpProxy;
beforeAll(async () => {
  database = await Database.start();
  await database.pool().query("create table naive (key text primary key)");
  proxy = await startProxy(database.server.connection.port);
}, 300_000);
afterAll(async () => {
  await proxy.stop();
  await database.stop();
});

/** How often each of these events had its effect. */
async function countsOf(keys: readonly string[]): Promise<number[]> {
  const effects = await database.effects();
  return keys.map((key) => effects.get(key) ?? 0);
}

/** Consumers that get all events; of the first `rounds` events, each kills one between its effect and its mark. */
async function killed(kind: DeliveryPlan["kind"], rounds: number): Promise<number[]> {
  const keys = Array.from({ length: 100 }, (_, index) => `${kind} killed ${index}`);
  const at = Date.now();
  const plan = { kind, connection: database.server.connection, name: `killed ${kind}`, keys, at };
  const other = new DeliveryWorker({ ...plan, keys: keys.slice(rounds), seed: 1 });
  const victims = keys.slice(0, rounds).map((key) => new DeliveryWorker({ ...plan, keys: [key], hold: key, seed: 0 }));
  await Promise.all(
    victims.map(async (victim) => {
      await victim.held;
      await victim.kill();
    }),
  );
  const last = new DeliveryWorker({ ...plan, seed: 2 });
  await Promise.all([other.done, last.done]);
  return countsOf(keys);
}

test("kill -9 between effect and mark: each effect once", async () => {
  const counts = await killed("postgres", 3);
  expect(counts.filter((count) => count !== 1)).toEqual([]);
}, 60_000);

test("the same finds what a store does wrong that marks after the effect", async () => {
  const counts = await killed("naive", 1);
  expect(counts[0]).toBeGreaterThan(1);
}, 60_000);

test("Redis, kill -9 between effect and mark: nothing is lost, and only those effects come twice", async () => {
  const server = await startRedis();
  const folder = mkdtempSync(join(tmpdir(), "snowshed-effects-"));
  try {
    const file = join(folder, "effects");
    const keys = Array.from({ length: 100 }, (_, index) => `redis killed ${index}`);
    const plan = { kind: "redis", url: server.url, file, name: "killed", keys, at: Date.now() } as const;
    const other = new DeliveryWorker({ ...plan, keys: keys.slice(2), seed: 1 });
    const victims = keys.slice(0, 2).map((key) => new DeliveryWorker({ ...plan, keys: [key], hold: key, seed: 0 }));
    await Promise.all(
      victims.map(async (victim) => {
        await victim.held;
        await victim.kill();
      }),
    );
    const last = new DeliveryWorker({ ...plan, seed: 2 });
    await Promise.all([other.done, last.done]);
    const effects = readFileSync(file, "utf8").trimEnd().split("\n");
    const counts = keys.map((key) => effects.filter((effect) => effect === key).length);
    expect(counts.slice(0, 2)).toEqual([2, 2]);
    expect(counts.slice(2).filter((count) => count !== 1)).toEqual([]);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
}, 60_000);

interface Applying {
  readonly apply: (key: string, effect: (transaction: PostgresTransaction) => Promise<unknown>) => Promise<string>;
}

/** Through the proxy. What it has to do within the time of a command is done: it is connected. */
async function careful(): Promise<Applying> {
  const pool = database.pool({ port: proxy.port });
  const store = database.store("proxied", { commandTimeout: 1000, claimTimeout: 20_000 }, pool);
  const at = Date.now();
  const isConnected = async (): Promise<boolean> => {
    const { status } = await store.apply({ key: `connected ${at}`, at }, () => Promise.resolve());
    return status !== undefined;
  };
  await until(isConnected, "it is connected");
  return { apply: async (key, effect) => (await store.apply({ key, at }, effect)).status };
}

async function naive(): Promise<Applying> {
  const pool = database.pool({ port: proxy.port, query_timeout: 1000 });
  await until(() => pool.query("select 1").then(() => true), "it is connected");
  return {
    apply: async (key, effect) => {
      if ((await pool.query("select from naive where key = $1", [key])).rowCount === 1) return "duplicate";
      await effect(pool);
      await pool.query("insert into naive values ($1)", [key]);
      return "applied";
    },
  };
}

/** Delivers it until it is done. */
async function delivered(
  store: Applying,
  key: string,
  fault: () => unknown,
): Promise<{ codes: unknown[]; end: string }> {
  const codes: unknown[] = [];
  for (;;) {
    try {
      const end = await store.apply(key, async (transaction) => {
        await write(transaction, key);
        if (codes.length === 0) await fault();
      });
      return { codes, end };
    } catch (error) {
      codes.push((error as { code?: unknown }).code);
      proxy.restore();
    }
    if (codes.length > 20) throw new Error(`never delivered: ${codes.join(" ")}`);
  }
}

test("the answer to COMMIT is lost: it comes out by asking again, and nothing is applied twice", async () => {
  const { codes, end } = await delivered(await careful(), "answer lost", () => proxy.drop("down"));
  expect([codes, end]).toEqual([["SNOWSHED_BACKEND_UNAVAILABLE"], "duplicate"]);
  expect(await countsOf(["answer lost"])).toEqual([1]);
});

test("the COMMIT is lost on its way: applied by the next one", async () => {
  const { codes, end } = await delivered(await careful(), "commit lost", () => proxy.drop("up"));
  expect([codes, end]).toEqual([["SNOWSHED_BACKEND_UNAVAILABLE"], "applied"]);
  expect(await countsOf(["commit lost"])).toEqual([1]);
});

test("the connection is cut before COMMIT", async () => {
  const { codes, end } = await delivered(await careful(), "cut", () => proxy.cut());
  expect([codes[0], end]).toEqual(["SNOWSHED_BACKEND_UNAVAILABLE", "applied"]);
  expect(await countsOf(["cut"])).toEqual([1]);
});

test("a store that marks after the effect does not get through that", async () => {
  for (const [key, fault] of [
    ["naive cut", () => proxy.cut()],
    ["naive lost", () => proxy.drop("up")],
  ] as const) {
    await delivered(await naive(), key, fault);
    expect(await countsOf([key])).toEqual([2]);
  }
});

test("a server that is killed in the middle of transactions: each effect once", async () => {
  const pool = database.pool();
  const store = database.store("killed server", { commandTimeout: 2000 }, pool);
  const at = Date.now();
  const keys = Array.from({ length: 30 }, (_, index) => `server killed ${index}`);
  let isOver = false;
  const codes = new Set<unknown>();
  const working = keys.map(async (key, index) => {
    // One after the other, so that the server dies in the middle of some and between others.
    await new Promise((resolve) => setTimeout(resolve, 10 * index));
    for (;;) {
      try {
        await store.apply({ key, at }, async (transaction) => {
          await write(transaction, key);
          await new Promise((resolve) => setTimeout(resolve, 30));
        });
        return;
      } catch (error) {
        codes.add((error as { code?: unknown }).code);
        if (isOver) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 150));
  await database.server.kill();
  await database.server.start();
  await Promise.all(working);
  isOver = true;
  expect([...codes]).toEqual(["SNOWSHED_BACKEND_UNAVAILABLE"]);
  expect((await countsOf(keys)).filter((count) => count !== 1)).toEqual([]);
}, 60_000);

test("a machine that is gone without a word gives its events back", async () => {
  const [gone, next] = [
    database.store("gone", { idleTimeout: 1000, commandTimeout: 1000 }, database.pool({ port: proxy.port })),
    database.store("gone", { claimTimeout: 20_000 }),
  ];
  const event = { key: "gone", at: Date.now() };
  await until(() => gone.apply({ ...event, key: "connected" }, () => true).then(() => true), "it is connected");
  let isGone = false;
  const call = gone.apply(event, async (transaction) => {
    await write(transaction, "gone");
    proxy.halfOpen();
    isGone = true;
    await new Promise(() => {});
  });
  call.catch(() => {});
  await until(() => isGone, "it has the event, and is gone");
  expect((await next.apply(event, (transaction) => write(transaction, "gone"))).status).toBe("applied");
  expect(await countsOf(["gone"])).toEqual([1]);
  proxy.restore();
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
});

// Bad input and bad weather: a clear error in bounded time, no permit leaked, and whoever waits is told.
import { classify, SnowshedError } from "snowshed";
import type { RedisSemaphore } from "snowshed/redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { observe } from "../../support/promises.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis, until } from "../../support/redis.ts";
import { Processes } from "./semaphore-fixture.ts";

let server: RedisServer;
const processes = new Processes(() => server.port);
beforeAll(async () => {
  server = await startRedis({ args: ["--repl-diskless-sync-delay", "0"] });
}, 120_000);
afterAll(() => server.stop());
beforeEach(() => processes.begin());
afterEach(() => processes.end());

const unavailable = { code: "SNOWSHED_BACKEND_UNAVAILABLE" };
const queued = (semaphore: RedisSemaphore, count: number): Promise<void> =>
  until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);

test("no server at the start: every call ends with an error, and works once the server is there", async () => {
  const late = await startRedis();
  await late.kill();
  const { port } = late;
  const client = processes.client({ port, retryStrategy: () => 50 });
  const semaphore = processes.semaphore({ permits: 1, commandTimeout: 200 }, client);
  for (const call of [
    () => semaphore.permit(),
    () => semaphore.permit(1, { timeout: 100 }),
    () => semaphore.tryPermit(),
    () => semaphore.run(() => "never"),
    () => semaphore.resize(2),
    () => semaphore.inspect(),
    () => semaphore.releaseHolder("id"),
  ]) {
    await expect(call()).rejects.toMatchObject(unavailable);
  }
  const impatient = processes.client({ port, enableOfflineQueue: false });
  const failure: unknown = await processes
    .semaphore({ permits: 1 }, impatient)
    .permit()
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ ...unavailable, cause: expect.any(Error) as unknown });
  expect([failure instanceof SnowshedError, classify(failure)]).toEqual([true, "transient"]);
  try {
    await late.start();
    await until(
      () =>
        semaphore
          .run(() => true)
          .then(
            () => true,
            () => false,
          ),
      "it works",
    );
    // What was given up while the server was away is not held.
    await until(async () => (await semaphore.inspect()).held === 0, "nothing is held");
  } finally {
    await late.stop();
  }
});

test("auth refused: the error says so, and that no other attempt can help", async () => {
  const guarded = await startRedis({ password: "secret" });
  try {
    const port = guarded.port;
    const semaphore = processes.semaphore({ permits: 1 }, processes.client({ port }));
    const failure: unknown = await semaphore.permit().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "SNOWSHED_FATAL", message: expect.stringContaining("NOAUTH") as unknown });
  } finally {
    await guarded.stop();
  }
});

test.for([
  ["rpush", "", "x"],
  ["set", "", "a string of somebody else"],
  ["set", "", `${"long ".repeat(50)}string of somebody else`],
  ["set", ":q", "x"],
])("something else under the key: %s %s", async ([command, suffix, value]) => {
  const semaphore = processes.semaphore({ permits: 1 });
  const held = suffix === "" ? null : await semaphore.permit();
  await server.cli(command!, processes.key + suffix, value!);
  const failure: unknown = await semaphore.permit().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "SNOWSHED_FATAL", message: expect.stringContaining("WRONGTYPE") as unknown });
  await expect(semaphore.inspect()).rejects.toMatchObject({ code: "SNOWSHED_FATAL" });
  expect(await server.cli("type", processes.key + suffix)).toBe(command === "set" ? "string" : "list");
  if (held === null) return;
  // The holder is not hurt: it can give back, and with the foreign key away all is as before.
  await held.release();
  await server.cli("del", processes.key + suffix);
  await (await semaphore.permit()).release();
});

test("out of memory with noeviction: no new permits, but those held are renewed and given back", async () => {
  const small = await startRedis({ args: ["--maxmemory-policy", "noeviction"] });
  try {
    const { port } = small;
    const semaphore = processes.semaphore({ permits: 3, lease: "3s" }, processes.client({ port }));
    const [held, other] = [await semaphore.permit(), await semaphore.permit()];
    await small.cli("config", "set", "maxmemory", "1");
    const failure: unknown = await semaphore.permit().catch((error: unknown) => error);
    expect(failure).toMatchObject({ ...unavailable, message: expect.stringContaining("OOM") as unknown });
    const end = async (): Promise<number> => Date.now() + (await semaphore.inspect()).holders[0]!.expiresIn;
    const before = await end();
    await until(async () => (await end()) > before + 100, "it is renewed");
    await held.release();
    expect((await semaphore.inspect()).held).toBe(1);
    await other.release();
    expect((await semaphore.inspect()).held).toBe(0);
    await small.cli("config", "set", "maxmemory", "0");
    await (await semaphore.permit(3)).release();
  } finally {
    await small.stop();
  }
});

test("given back to a server that has forgotten all: nothing is left there", async () => {
  const semaphore = processes.semaphore({ permits: 3 });
  const held = await Promise.all([1, 2, 3].map(() => semaphore.permit()));
  await server.cli("del", processes.key);
  await Promise.all(held.map((permit) => permit.release()));
  expect(await server.cli("exists", processes.key)).toBe("0");
  const permit = await semaphore.permit();
  expect(await semaphore.inspect()).toMatchObject({ held: 1 });
  await permit.release();
});

test("a user who may run scripts, and not APPEND", async () => {
  const rules = ["on", ">secret", "~*", "&*", "+@all", "-append"];
  await server.cli("acl", "setuser", "scripted", ...rules);
  const client = processes.client({ username: "scripted", password: "secret" });
  const semaphore = processes.semaphore({ permits: 1 }, client);
  for (let round = 0; round < 3; round++) await (await semaphore.permit()).release();
  expect(await semaphore.inspect()).toMatchObject({ held: 0 });
});

test.for(["throws", "is not there"])("a client whose append() %s: given back by the script", async (what) => {
  const client = processes.client();
  const thrown = (): never => {
    throw new Error("not now");
  };
  Object.assign(client, { append: what === "throws" ? thrown : undefined });
  const semaphore = processes.semaphore({ permits: 1 }, client);
  for (let round = 0; round < 2; round++) await (await semaphore.permit()).release();
  expect(semaphore.held).toBe(0);
  expect(await semaphore.inspect()).toMatchObject({ held: 0 });
});

test("a client that makes texts of numbers", async () => {
  const semaphore = processes.semaphore({ permits: 2 }, processes.client({ stringNumbers: true }));
  let last = 0n;
  for (let round = 0; round < 5; round++) {
    const [first, second] = [await semaphore.permit(), await semaphore.permit()];
    expect([first.fence.slot, second.fence.slot]).toEqual([0, 1]);
    expect(first.fence.token > last && second.fence.token > first.fence.token).toBe(true);
    last = second.fence.token;
    await Promise.all([first.release(), second.release()]);
  }
  expect(await semaphore.inspect()).toMatchObject({ held: 0 });
});

test("a replica that takes no writes: an error at once", async () => {
  const replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(server.port)] });
  try {
    await until(async () => (await replica.cli("info", "replication")).includes("link_status:up"), "replication");
    const { port } = replica;
    const semaphore = processes.semaphore({ permits: 1 }, processes.client({ port }));
    const failure: unknown = await semaphore.permit().catch((error: unknown) => error);
    expect(failure).toMatchObject({ ...unavailable, message: expect.stringContaining("READONLY") as unknown });
  } finally {
    await replica.stop();
  }
});

test("a server that is busy with a script, and scripts that are killed or flushed", async () => {
  const semaphore = processes.semaphore({ permits: 1 });
  await (await semaphore.permit()).release();
  await server.cli("config", "set", "lua-time-limit", "20");
  const endless = observe(processes.client().eval("while true do end", 0));
  await until(async () => {
    const said: unknown = await server.cli("get", "x").catch(String);
    return String(said).includes("BUSY");
  }, "it is busy");
  const failure: unknown = await semaphore.permit().catch((error: unknown) => error);
  expect(failure).toMatchObject({ ...unavailable, message: expect.stringContaining("BUSY") as unknown });
  await server.cli("script", "kill");
  await until(() => endless.outcome.status === "rejected", "it was killed");
  await until(async () => (await semaphore.inspect()).held === 0, "nothing is held");
  const held = await semaphore.permit();
  await server.cli("script", "flush");
  await held.release();
  await server.cli("script", "flush");
  await (await semaphore.permit()).release();
});

test("the client is closed under us: waiters and holders are told, and calls fail", async () => {
  const client = processes.client();
  const options = { permits: 1, lease: "2s", commandTimeout: "2s" } as const;
  const semaphore = processes.semaphore(options, client);
  const held = await semaphore.permit();
  const waiting = observe(semaphore.permit());
  await queued(semaphore, 1);
  client.disconnect();
  await expect(semaphore.permit()).rejects.toMatchObject(unavailable);
  await until(() => waiting.outcome.status === "rejected", "the waiter is told");
  expect(waiting.outcome).toMatchObject({ reason: unavailable });
  await until(() => held.context.aborted, "the holder is told");
  expect(held.context.cause).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
  await expect(held.release()).rejects.toMatchObject(unavailable);
  const other = processes.semaphore(options);
  await (await other.permit()).release();
});

test("the server dies: waiters and holders are told; when it is there again, all works", async () => {
  const mortal = await startRedis();
  try {
    const { port } = mortal;
    const semaphore = processes.semaphore(
      { permits: 1, lease: "2s", commandTimeout: "2s" },
      processes.client({ port, retryStrategy: () => 50 }),
    );
    const held = await semaphore.permit();
    const waiting = observe(semaphore.permit());
    await queued(semaphore, 1);
    await mortal.kill();
    await until(() => waiting.outcome.status === "rejected", "the waiter is told");
    expect(waiting.outcome).toMatchObject({ reason: unavailable });
    await until(() => held.context.aborted, "the holder is told");
    await mortal.start();
    await held.release().catch(() => {});
    await until(
      () =>
        semaphore.permit().then(
          (permit) => permit.release().then(() => true),
          () => false,
        ),
      "it works",
    );
    await until(async () => (await semaphore.inspect()).held === 0, "nothing is held");
  } finally {
    await mortal.stop();
  }
});

test("everything is lost: holders are told, and waiters queue again", async () => {
  const semaphore = processes.semaphore({ permits: 1, lease: "3s" });
  const held = await semaphore.permit();
  const waiting = observe(semaphore.permit());
  await queued(semaphore, 1);
  await server.cli("flushall");
  await until(() => held.context.aborted, "the holder is told");
  expect(held.context.cause).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
  await until(() => waiting.outcome.status === "fulfilled", "the waiter is served");
  await held.release();
  expect((await semaphore.inspect()).held).toBe(1);
});

// RedisQuota where the server, the client or the caller does not play along.
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Redis } from "ioredis";
import type { RedisQuotaOptions } from "../../../src/adapters/redis/redis-quota-options.ts";
import { RedisQuota } from "../../../src/adapters/redis/redis-quota.ts";
import { classify } from "../../../src/overload/classify.ts";
import { Context } from "../../../src/concurrency/context.ts";
import type { RedisServer, TestClient } from "../../support/redis.ts";
import { clients, startRedis, until } from "../../support/redis.ts";
import { startProxy } from "../../support/tcp-proxy.ts";

const limits = [{ requests: 10, per: "1h", burst: 10 }] as const;
const unavailable = { code: "SNOWSHED_BACKEND_UNAVAILABLE" };

const containing = (text: string): string => expect.stringContaining(text) as string;

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server?.stop());
beforeEach(async () => {
  await server.cli("flushall");
});

async function connect(name: string, port: number = server.port, options: object = {}): Promise<TestClient> {
  const connected = await clients[name]!({ kind: "single", port }, options);
  onTestFinished(() => connected.close());
  return connected;
}

async function quotaAt(port: number = server.port, options: Partial<RedisQuotaOptions> = {}, name: string = "q") {
  const { client } = await connect("ioredis 6", port);
  return new RedisQuota(client, name, { limits, ...options });
}

async function startOther(args: readonly string[]): Promise<RedisServer> {
  const other = await startRedis({ args });
  onTestFinished(() => other.stop());
  return other;
}

describe("arguments", () => {
  const client = new Redis({ lazyConnect: true });
  const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };

  test.each([
    ["", { limits }],
    ["a{b", { limits }],
    [7, { limits }],
    ["q", {}],
    ["q", { limits: [] }],
    ["q", { limits: Array.from({ length: 17 }, () => limits[0]) }],
    ["q", { limits: [{ requests: 0, per: "1s" }] }],
    ["q", { limits: [{ requests: 1.5, per: "1s" }] }],
    ["q", { limits: [{ requests: 1, per: "0s" }] }],
    ["q", { limits: [{ requests: 1, per: "1s", burst: Number.NaN }] }],
    ["q", { limits, prefix: "" }],
    ["q", { limits, prefix: "}" }],
    ["q", { limits, maxQueue: 0 }],
    ["q", { limits, maxQueue: Number.NaN }],
    ["q", { limits, block: 0 }],
    ["q", { limits, block: 10_001 }],
    ["q", { limits, block: 1.5 }],
    ["q", { limits, commandTimeout: 0 }],
    ["q", { limits, commandTimeout: Number.POSITIVE_INFINITY }],
  ])("new RedisQuota(client, %j, %j) is refused", (name, options) => {
    expect(() => new RedisQuota(client, name as string, options as RedisQuotaOptions)).toThrow(
      expect.objectContaining(invalid),
    );
  });

  test("what is no client, weight, key, timeout, pause or task is refused, and nothing is asked", async () => {
    expect(() => new RedisQuota({} as never, "q", { limits })).toThrow(expect.objectContaining(invalid));
    const quota = new RedisQuota(client, "q", { limits });
    for (const weight of [0, -1, 1.5, Number.NaN, 2 ** 53, "1" as never]) {
      await expect(quota.permit(weight)).rejects.toMatchObject(invalid);
      await expect(quota.tryPermit(weight)).rejects.toMatchObject(invalid);
      await expect(quota.run(() => {}, { weight })).rejects.toMatchObject(invalid);
    }
    await expect(quota.permit(11)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    await expect(quota.permit(1, { key: 7 as never })).rejects.toMatchObject(invalid);
    await expect(quota.permit(1, { timeout: "soon" as never })).rejects.toMatchObject(invalid);
    await expect(quota.permit(1, { signal: {} as never })).rejects.toMatchObject(invalid);
    await expect(quota.penalise("soon" as never)).rejects.toMatchObject(invalid);
    await expect(quota.penalise(new Date(Number.NaN))).rejects.toMatchObject(invalid);
    await expect(quota.run(7 as never)).rejects.toMatchObject(invalid);
    await expect(quota.permit(1, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    await quota.penalise(-1);
    await quota.penalise(new Date(0));
    quota.observe(null);
    quota.observe({ status: 200, headers: {} });
    expect([quota.queued, client.status]).toEqual([0, "wait"]);
  });
});

describe("calls", () => {
  test("run() has what the task has, and hands it the context", async () => {
    const quota = await quotaAt();
    const context = Context.background.withCancel();
    expect(await quota.run(({ aborted }) => aborted, { signal: context, weight: 2 })).toBe(false);
    const failure = new Error("of the task");
    await expect(quota.run(() => Promise.reject(failure))).rejects.toBe(failure);
    expect((await quota.inspect()).limits).toEqual([{ requests: 10, per: 3_600_000, available: 7 }]);
  });

  test("a refusal says for how long, by an answer or by an error that carries one", async () => {
    const quota = await quotaAt();
    const date = new Date(Date.now() + 120_000).toUTCString();
    quota.observe({ response: { status: 429, headers: { "retry-after": date } } });
    await until(async () => (await quota.inspect()).pausedFor > 100_000, "a pause until that date");
    quota.observe({ status: 200, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "600" } });
    await until(async () => (await quota.inspect()).pausedFor > 500_000, "a pause until the reset");
    await quota.penalise(new Date(Date.now() + 700_000));
    expect((await quota.inspect()).pausedFor).toBeGreaterThan(600_000);
    await quota.penalise("1000h");
    expect((await quota.inspect()).pausedFor).toBeLessThanOrEqual(24 * 3_600_000);
  });

  test("a time that was found before a pause is given back, and another found", async () => {
    const quota = await quotaAt(undefined, { limits: [{ requests: 1, per: "2s" }] });
    const at = (permit: object): number => (permit as { readonly at: number }).at;
    const first = await quota.permit();
    const second = quota.permit();
    await until(async () => (await quota.tryPermit()) === undefined && quota.queued === 1, "it has its time");
    await quota.penalise("2500ms");
    expect(at(await second) - at(first)).toBeGreaterThanOrEqual(2_500_000);
  });

  test("who waits is told when the time is over, and what it had is given back", async () => {
    const quota = await quotaAt(undefined, { limits: [{ requests: 18_000, per: "1h" }] });
    await quota.permit(10);
    // 10 units take two seconds. The first in the line has its time; behind it the wait is not known.
    await expect(quota.permit(2, { timeout: 20 })).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
    const first = quota.permit();
    await until(async () => (await quota.tryPermit()) === undefined && quota.queued === 1, "it waits");
    const second = quota.permit(1, { timeout: "50s" });
    await expect(quota.permit(5, { timeout: 1 })).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
    await Promise.all([first, second]);
    expect(quota.queued).toBe(0);
  });

  test("more than may wait are refused", async () => {
    const quota = await quotaAt(undefined, { maxQueue: 2 });
    const all = await Promise.allSettled([quota.permit(), quota.permit(), quota.permit(), quota.tryPermit()]);
    expect(all.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(all[2]).toMatchObject({ reason: { code: "SNOWSHED_LIMIT_EXCEEDED" } });
    expect(all[3]).toMatchObject({ value: undefined });
  });

  test("limits that were changed go on with what they take to drain", async () => {
    const old = await quotaAt(undefined, { limits: [{ requests: 100, per: "100s", burst: 100 }] });
    await old.permit(50);
    // 50 s, and a tenth of the rate: five units of ten.
    const changed = await quotaAt(undefined, { limits: [{ requests: 10, per: "100s", burst: 10 }] });
    expect((await changed.inspect()).limits[0]!.available).toBe(5);
    const more = await quotaAt(undefined, {
      limits: [
        { requests: 10, per: "100s", burst: 10 },
        { requests: 7, per: "1h", burst: 7 },
      ],
    });
    expect((await more.inspect()).limits.map(({ available }) => available)).toEqual([5, 7]);
    expect(await more.tryPermit(5)).toBeDefined();
    expect((await more.inspect()).limits.map(({ available }) => available)).toEqual([0, 2]);
  });
});

describe("a server that does not play along", () => {
  test.each(["string", "list"])("a key that holds a %s of somebody else is fatal", async (type) => {
    const quota = await quotaAt();
    await server.cli(...(type === "list" ? ["lpush", "{snowshed:q}:quota", "x"] : ["set", "{snowshed:q}:quota", "x"]));
    const error: unknown = await quota.permit().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "SNOWSHED_FATAL", cause: { message: containing("WRONGTYPE") } });
    expect(classify(error)).toBe("fatal");
    expect(quota.queued).toBe(0);
    await server.cli("del", "{snowshed:q}:quota");
    expect(await quota.tryPermit()).toBeDefined();
  });

  test("one without memory refuses, and works again when it has some", async () => {
    const full = await startOther(["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    const quota = await quotaAt(full.port);
    const oom = { ...unavailable, cause: { message: containing("OOM") } };
    await expect(quota.permit()).rejects.toMatchObject(oom);
    await full.cli("config", "set", "maxmemory", "0");
    expect((await quota.inspect()).limits[0]!.available).toBe(10);
    expect(await quota.tryPermit()).toBeDefined();
  });

  test.each(Object.keys(clients))("%s: one that wants a password says so, in time", async (name) => {
    const locked = await startRedis({ password: "secret" });
    onTestFinished(() => locked.stop());
    const { client } = await connect(name, locked.port);
    const quota = new RedisQuota(client, "q", { limits, commandTimeout: 500 });
    const error: unknown = await quota.permit().catch((reason: unknown) => reason);
    // Some clients hand out what the server says, others keep trying to connect.
    const said = /NOAUTH|unauthenticated/;
    expect(["SNOWSHED_FATAL", "SNOWSHED_BACKEND_UNAVAILABLE"]).toContain((error as { code: string }).code);
    if ((error as { code: string }).code === "SNOWSHED_FATAL") {
      expect(error).toMatchObject({ cause: { message: expect.stringMatching(said) as string } });
    }
    expect(quota.queued).toBe(0);
  });

  test("a replica refuses to write", async () => {
    const replica = await startOther(["--replicaof", "127.0.0.1", String(server.port)]);
    await until(async () => (await replica.cli("info", "replication")).includes("master_link_status:up"), "a replica");
    const quota = await quotaAt(replica.port);
    const readOnly = { ...unavailable, cause: { message: containing("READONLY") } };
    await expect(quota.permit()).rejects.toMatchObject(readOnly);
  });

  test.each(Object.keys(clients))("%s: one that is down at the start, and comes", async (name) => {
    const down = await startOther([]);
    await down.kill();
    const { client } = await connect(name, down.port);
    const quota = new RedisQuota(client, "q", { limits, commandTimeout: 300 });
    const all = await Promise.allSettled([quota.permit(), quota.tryPermit(), quota.permit(1, { timeout: 100 })]);
    for (const each of all) expect(each).toMatchObject({ reason: unavailable });
    expect(quota.queued).toBe(0);
    await down.start();
    await until(async () => (await quota.permit().catch(() => undefined)) !== undefined, "it works again");
  });

  test.each(Object.keys(clients))("%s: a client that is closed under it", async (name) => {
    const { client, close } = await connect(name);
    const quota = new RedisQuota(client, "q", { limits: [{ requests: 1, per: "1h" }], commandTimeout: 1000 });
    await until(() => quota.permit().then(() => true), "it is connected");
    await close();
    await expect(quota.permit()).rejects.toMatchObject(unavailable);
    await expect(quota.inspect()).rejects.toMatchObject(unavailable);
    await expect(quota.penalise("1s")).rejects.toMatchObject(unavailable);
    expect(quota.queued).toBe(0);
  });

  test("an answer that never comes ends all calls in time; what was spent unheard is given back", async () => {
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.stop());
    const quota = await quotaAt(proxy.port, { commandTimeout: 200 });
    // What is not heard of within that time is given back.
    await until(() => quota.permit().then(() => true), "it is connected");
    proxy.delay(400);
    const late = await Promise.allSettled([quota.permit(2), quota.permit(2), quota.permit(1, { timeout: 50 })]);
    for (const each of late) expect(each).toMatchObject({ reason: unavailable });
    proxy.delay(0);
    const other = await quotaAt();
    await until(async () => (await other.inspect()).limits[0]!.available === 9, "all but the first came back");

    proxy.drop("down");
    const lost = await quota.permit().catch((reason: unknown) => reason);
    expect(lost).toMatchObject(unavailable);
    proxy.restore();
    await until(async () => (await quota.tryPermit().catch(() => undefined)) !== undefined, "it works again");
  });

  test("one that forgets everything begins anew, and nobody waits for ever", async () => {
    const quota = await quotaAt();
    await quota.permit(10);
    expect(await quota.tryPermit()).toBeUndefined();
    await server.cli("flushall");
    expect(await quota.tryPermit(10)).toBeDefined();
  });

  test("one that stands still holds nobody longer than the timeout", async () => {
    const stopped = await startOther([]);
    const quota = await quotaAt(stopped.port, { commandTimeout: 200 });
    await until(() => quota.permit().then(() => true), "it is connected");
    process.kill(stopped.pid, "SIGSTOP");
    onTestFinished(() => {
      process.kill(stopped.pid, "SIGCONT");
    });
    await expect(quota.permit()).rejects.toMatchObject(unavailable);
    process.kill(stopped.pid, "SIGCONT");
    await until(async () => (await quota.tryPermit().catch(() => undefined)) !== undefined, "it works again");
  });
});

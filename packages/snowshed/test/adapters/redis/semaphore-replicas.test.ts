// WAIT: a permit counts only when replicas have it. It narrows the window of a failover; it is no consensus.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis, until } from "../../support/redis.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";
import { startProxy } from "../../support/tcp-proxy.ts";
import { Processes } from "./semaphore-fixture.ts";

let master: RedisServer;
let replica: RedisServer;
let proxy: TcpProxy;
const processes = new Processes(() => master.port);

beforeAll(async () => {
  // The time in which a replica that was cut off is still thought to be there has to pass in no test.
  master = await startRedis({ args: ["--repl-diskless-sync-delay", "0", "--repl-timeout", "3600"] });
  proxy = await startProxy(master.port);
  replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(proxy.port)] });
  await isCopied();
}, 120_000);
afterAll(async () => {
  await replica.stop();
  await proxy.stop();
  await master.stop();
});
beforeEach(() => processes.begin());
afterEach(() => processes.end());

const isCopied = (): Promise<void> =>
  until(async () => (await replica.cli("info", "replication")).includes("link_status:up"), "it replicates");

const options = { permits: 1, replicas: { count: 1, timeout: "5s" }, lease: "20s" } as const;

test("a permit that the replica has is granted, also one that was waited for, and by a try", async () => {
  const [a, b] = [processes.semaphore(options), processes.semaphore(options)];
  const held = await a.permit();
  const copy = async (): Promise<string> => replica.cli("exists", processes.key);
  expect(await copy()).toContain("1");
  expect(await b.tryPermit()).toBeUndefined();
  const waiting = b.permit();
  await until(async () => (await a.inspect()).queued === 1, "one waits");
  await held.release();
  const next = await waiting;
  expect(next.fence.token > held.fence.token).toBe(true);
  await next.release();
  const tried = await a.tryPermit();
  expect(tried?.context.aborted).toBe(false);
  await tried?.release();
});

test("too few replicas: an error that says so, and the permit is given back", async () => {
  const semaphore = processes.semaphore({ ...options, replicas: { count: 2, timeout: "2s" } });
  const refused = semaphore.permit();
  await expect(refused).rejects.toMatchObject({
    code: "SNOWSHED_REPLICATION_FAILED",
    message: expect.stringContaining("1 of 2") as unknown,
  });
  await until(async () => (await semaphore.inspect()).held === 0, "it was given back");
  const brief = processes.semaphore({ ...options, replicas: { count: 2, timeout: 100 } });
  await expect(brief.tryPermit()).rejects.toMatchObject({ code: "SNOWSHED_REPLICATION_FAILED" });
  await until(async () => (await brief.inspect()).held === 0, "it was given back");
  await expect(brief.run(() => "never")).rejects.toMatchObject({ code: "SNOWSHED_REPLICATION_FAILED" });
});

test("others are not kept waiting by a WAIT", async () => {
  const slow = processes.semaphore({ permits: 2, replicas: { count: 2, timeout: "2s" } });
  const client = processes.client();
  const plain = processes.semaphore({ permits: 2 }, client);
  const refused = slow.permit().then(
    () => "granted",
    () => "refused",
  );
  await until(async () => (await plain.inspect()).held === 1, "it is granted, and waited for");
  // On the connection of `slow` itself, too.
  const first = await Promise.race([refused, plain.run(() => "went on"), slow.inspect().then(() => "asked")]);
  expect(first).not.toBe("refused");
  expect(await refused).toBe("refused");
});

test("a failover to a replica that was cut off: two live leases without WAIT, refused with it", async () => {
  // What is granted in the moments when nothing is copied.
  proxy.halfOpen();
  const careful = processes.semaphore({ ...options, replicas: { count: 1, timeout: 200 } });
  await expect(careful.permit()).rejects.toMatchObject({ code: "SNOWSHED_REPLICATION_FAILED" });
  await until(async () => (await careful.inspect()).held === 0, "it was given back");
  const careless = processes.semaphore({ permits: 1, lease: "20s" });
  const before = await careless.permit();
  await replica.cli("replicaof", "no", "one");
  const elsewhere = processes.semaphore({ permits: 1, lease: "20s" }, processes.client({ port: replica.port }));
  const after = await elsewhere.permit(1, { timeout: "5s" });
  // Both live: the reason why this is called "at most N live leases" of one server, and why there are tokens.
  expect([before.context.aborted, after.context.aborted]).toEqual([false, false]);
  expect(after.fence.token > before.fence.token).toBe(true);
});

// Chapter 4.4: a distributed semaphore on Redis and Lua: check and take in one round trip, the request id kept. The article's
// script has no lease, does not use the request id it is given, and has nobody wait; each is shown.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { RedisServer } from "../support/redis.ts";
import { startRedis } from "../support/redis.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.port);
}, 120_000);
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

/** To the letter. */
const article = `
  -- KEYS[1]: semaphore key, ARGV[1]: max permits, ARGV[2]: request id
  local current = tonumber(redis.call("GET", KEYS[1])) or 0
  if current < tonumber(ARGV[1]) then
    redis.call("INCR", KEYS[1])
    return {1, current + 1} -- success: [status, new_count]
  else
    return {0, current} -- fail: [status, current_count]
  end`;

const folder = fileURLToPath(new URL("../../", import.meta.url));

/** Takes a permit in a process of its own, which dies as soon as it has it. */
async function crash(code: string): Promise<void> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], { cwd: folder, stdio: "inherit" });
  await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
}

const connect = (): string => `
  import { Redis } from "ioredis";
  import { RedisSemaphore } from "snowshed/redis";
  const client = new Redis(${server.port});
  const die = () => process.kill(process.pid, "SIGKILL");`;

describe("R14: a semaphore on Redis and Lua", () => {
  test("check and take are one atomic round trip: of a hundred at once, exactly as many as there are permits", async () => {
    const semaphore = new RedisSemaphore(client, "atomic", { permits: 7 });
    const permits = await Promise.all(Array.from({ length: 100 }, () => semaphore.tryPermit()));
    const granted = permits.filter((permit) => permit !== undefined);
    expect(granted).toHaveLength(7);
    await Promise.all(granted.map((permit) => permit.release()));
    await client.config("RESETSTAT");
    const permit = await semaphore.permit();
    expect(await client.info("commandstats")).toContain("cmdstat_evalsha:calls=1,");
    await permit.release();
    await semaphore.close();
  });

  test("the article's counter keeps the permit of every holder that crashed; a lease ends", async () => {
    for (let each = 0; each < 2; each++) {
      const take = `await client.eval(${JSON.stringify(article)}, 1, "counter", 2, "request-${each}"); die();`;
      await crash(connect() + take);
    }
    // Nobody is left, and nobody will ever get one.
    expect(await client.eval(article, 1, "counter", 2, "request-3")).toEqual([0, 2]);
    expect(await client.ttl("counter")).toBe(-1);

    const options = "{ permits: 2, lease: 800 }";
    for (let each = 0; each < 2; each++) {
      await crash(`${connect()} await new RedisSemaphore(client, "leases", ${options}).permit(); die();`);
    }
    const semaphore = new RedisSemaphore(client, "leases", { permits: 2 });
    await (await semaphore.permit(2, { timeout: "20s" })).release();
    await semaphore.close();
  }, 60_000);

  test("the article's request id is not used: a command that is sent again counts twice; here it counts once", async () => {
    await client.eval(article, 1, "twice", 2, "one request");
    await client.eval(article, 1, "twice", 2, "one request");
    expect(await client.get("twice")).toBe("2");

    // A client that sends everything again, as real ones do when the connection ends before the answer comes.
    const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const again = Object.create(client, {
      evalsha: { value: (...args: unknown[]) => evalsha(...args).then(() => evalsha(...args)) },
    }) as Redis;
    const semaphore = new RedisSemaphore(again, "once", { permits: 2 });
    const permit = await semaphore.permit();
    const { holders } = await semaphore.inspect();
    expect(holders).toHaveLength(1);
    expect(holders[0]!.id).toMatch(/^\S{13,}$/);
    await permit.release();
    expect((await semaphore.inspect()).held).toBe(0);
    await semaphore.close();
  });
});

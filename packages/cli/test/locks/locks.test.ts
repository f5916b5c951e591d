import { Redis } from "ioredis";
import type { Duration } from "snowshed";
import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
import type { LeasePermit } from "snowshed/redis";
import { RedisSemaphore } from "snowshed/redis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startEtcd } from "../../../snowshed/test/support/etcd.ts";
import type { EtcdCluster } from "../../../snowshed/test/support/etcd.ts";
import { startRedis, startRedisCluster } from "../../../snowshed/test/support/redis.ts";
import type { RedisServer } from "../../../snowshed/test/support/redis.ts";
import { run } from "../support/memory-io.ts";

interface Shown {
  readonly address: string;
  readonly semaphores: readonly {
    readonly name: string;
    readonly permits: number;
    readonly held: number;
    readonly queued: number;
    readonly holders: readonly { readonly id: string; readonly owner: string; readonly fences: readonly unknown[] }[];
    readonly waiters: readonly { readonly id: string; readonly weight: number }[];
  }[];
}

async function shown(url: string, ...more: string[]): Promise<Shown> {
  const { code, stdout, stderr } = await run(["locks", url, "--json", ...more]);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Shown;
}

/** What ends a permit. */
function lossOf({ context }: LeasePermit): Promise<unknown> {
  return new Promise((resolve) => void context.onAbort(() => resolve(context.cause)));
}

describe("on Redis", () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
  }, 300_000);
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  function semaphore(name: string, permits: number, lease: Duration = "1m"): RedisSemaphore {
    const made = new RedisSemaphore(client, name, { permits, lease, owner: `worker of ${name}` });
    onTestFinished(() => made.close({ timeout: 0 }).catch(() => {}));
    return made;
  }

  test("shows who holds, who waits, for how long, with what fence and how much of the lease is left", async () => {
    const exports = semaphore("exports", 3);
    const first = await exports.permit();
    const second = await exports.permit(2);
    const third = exports.permit();
    await expect.poll(async () => (await exports.inspect()).queued).toBe(1);
    const { code, stdout } = await run(["locks", server.url, "--name", "exports"]);
    expect(code).toBe(0);
    const [title, head, ...rows] = stdout.trimEnd().split("\n");
    expect(title).toBe("exports  3 of 3 held, 1 waiting");
    expect(head).toMatch(/^ +owner +id +weight +since +lease left +fence \(slot:token\)$/);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatch(/^ {2}holds {2}worker of exports +\S+ +1 +\d+m?s +(1m 0|5\d)s +/);
    expect(rows[0]).toContain(` ${first.fence.slot}:${first.fence.token}`);
    expect(rows[1]).toContain(second.fences.map(({ slot, token }) => `${slot}:${token}`).join(" "));
    expect(rows[2]).toMatch(/^ {2}waits {2}worker of exports +\S+ +1 +\d+m?s$/);
    await first.release();
    await second.release();
    await (await third).release();
  });

  test("shows all semaphores in the order of their names, and nothing else that has a key like theirs", async () => {
    const [beta, alpha] = [semaphore("beta", 1), semaphore("alpha [1]", 2)];
    await beta.permit();
    await alpha.permit();
    await client.set("{snowshed:text}", "is no semaphore");
    await client.rpush("{snowshed:list}", "is no semaphore");
    await client.set("{other:gamma}", "is of another");
    const { semaphores } = await shown(server.url);
    const names = semaphores.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["alpha [1]", "beta"]));
    expect(names).toEqual(names.toSorted());
    expect(names).not.toContain("text");
    expect(names).not.toContain("list");
    // The negative control: asked for by its name, it is said what is there.
    const asked = await run(["locks", server.url, "--name", "text"]);
    expect(asked.code).toBe(1);
    expect(asked.stderr).toMatch(/^snowshed: cannot ask redis:.*no semaphore\n$/);
  });

  test("looking changes nothing: neither the number of permits nor the queue", async () => {
    const mails = semaphore("mails", 7);
    await mails.permit(7);
    const before = await client.dump("{snowshed:mails}");
    await shown(server.url);
    expect(await client.dump("{snowshed:mails}")).toEqual(before);
    expect((await shown(server.url, "-n", "mails")).semaphores).toMatchObject([{ permits: 7, held: 7 }]);
  });

  test("--prefix is taken as it is, stars included", async () => {
    const made = new RedisSemaphore(client, "one", { permits: 1, prefix: "team*" });
    onTestFinished(() => made.close({ timeout: 0 }).catch(() => {}));
    const other = new RedisSemaphore(client, "two", { permits: 1, prefix: "teams" });
    onTestFinished(() => other.close({ timeout: 0 }).catch(() => {}));
    await made.permit();
    await other.permit();
    const { semaphores } = await shown(server.url, "--prefix", "team*");
    expect(semaphores.map(({ name }) => name)).toEqual(["one"]);
  });

  describe("--release", () => {
    async function holding(name: string) {
      // A holder that waits for nothing hears of it when it renews its lease.
      const made = semaphore(name, 1, "1s");
      const permit = await made.permit();
      const { id } = (await made.inspect()).holders[0]!;
      return { permit, id };
    }

    test("takes the lease from its holder, who is told, after a yes", async () => {
      const { permit, id } = await holding("asked");
      const loss = lossOf(permit);
      const { code, stderr } = await run(["locks", server.url, "--release", id], { tty: true, stdin: "y\n" });
      expect(stderr).toContain('worker of asked holds 1 unit of "asked"');
      expect(stderr).toContain("Take it away? [y/N]");
      expect(code).toBe(0);
      expect(await loss).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
      expect((await shown(server.url, "-n", "asked")).semaphores).toMatchObject([{ held: 0 }]);
    });

    test.each(["n\n", "\n", "yesterday\n", ""])("changes nothing after %j", async (stdin) => {
      const { permit, id } = await holding(`kept ${JSON.stringify(stdin)}`.replaceAll(/[{}]/g, ""));
      const { code, stderr } = await run(["locks", server.url, "--release", id], { tty: true, stdin });
      expect(stderr).toContain("nothing was changed");
      expect([code, permit.context.aborted]).toEqual([1, false]);
    });

    test("asks nobody with --yes, and never without where nobody can be asked", async () => {
      const { id } = await holding("scripted");
      const refused = await run(["locks", server.url, "--release", id]);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("say --yes if you are sure")]);
      expect((await shown(server.url, "-n", "scripted")).semaphores).toMatchObject([{ held: 1 }]);
      const done = await run(["locks", server.url, "--release", id, "--yes", "--json"]);
      expect(JSON.parse(done.stdout)).toEqual({ name: "scripted", id, released: true });
      const again = await run(["locks", server.url, "--release", id, "--yes"]);
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining(`no lease has the id ${id}`)]);
    });

    test("Ctrl-C at the question changes nothing", async () => {
      const { permit, id } = await holding("interrupted");
      const interrupt = new AbortController();
      const stdin = (async function* () {
        interrupt.abort("SIGINT");
        yield "";
        await new Promise(() => {});
      })();
      const { code } = await run(["locks", server.url, "--release", id], {
        tty: true,
        stdin,
        interrupt: interrupt.signal,
      });
      expect([code, permit.context.aborted]).toEqual([130, false]);
    });
  });

  test("a server that is not there, or refuses the password, is one line, without the password", async () => {
    const closed = await startRedis({ password: "right" });
    onTestFinished(() => closed.stop());
    const wrong = await run(["locks", `redis://:wrong-secret@127.0.0.1:${closed.port}`]);
    expect([wrong.code, wrong.stdout]).toEqual([1, ""]);
    expect(wrong.stderr).toMatch(/^snowshed: cannot ask redis:\/\/127\.0\.0\.1:\d+: .*WRONGPASS.*\n$/);
    expect(wrong.stderr).not.toContain("wrong-secret");
    const right = await run(["locks"], { env: { REDIS_URL: `redis://:right@127.0.0.1:${closed.port}` } });
    expect([right.code, right.stdout]).toEqual([0, `no semaphores at redis://127.0.0.1:${closed.port}\n`]);
    await closed.kill();
    const gone = await run(["locks", `redis://:right@127.0.0.1:${closed.port}`]);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringMatching(/^snowshed: cannot ask .*ECONNREFUSED.*\n$/)]);
  });
});

test("finds the semaphores on every master of a Redis Cluster", { timeout: 300_000 }, async () => {
  const cluster = await startRedisCluster();
  onTestFinished(() => cluster.stop());
  const { Cluster } = await import("ioredis");
  const client = new Cluster(cluster.servers.map(({ port }) => ({ host: "127.0.0.1", port })));
  onTestFinished(() => client.disconnect());
  const names = Array.from({ length: 12 }, (_, index) => `queue-${String(index).padStart(2, "0")}`);
  const semaphores = names.map((name) => new RedisSemaphore(client, name, { permits: 2 }));
  await Promise.all(semaphores.map((each) => each.permit()));
  const { semaphores: found } = await shown(cluster.servers[1]!.url);
  expect(found.map(({ name, held }) => [name, held])).toEqual(names.map((name) => [name, 1]));
  await Promise.all(semaphores.map((each) => each.close({ timeout: 0 }).catch(() => {})));
});

describe("on etcd", () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd();
  }, 300_000);
  afterAll(() => etcd.remove());

  test("shows and releases as on Redis", async () => {
    const endpoint = etcd.endpoints[0]!.replace(/^https?:\/\//, "");
    await using client = new EtcdClient({ endpoints: endpoint });
    const exports = new EtcdSemaphore(client, "exports", { permits: 1, owner: "worker" });
    const imports = new EtcdSemaphore(client, "imports", { permits: 2 });
    const permit = await exports.permit();
    await (await imports.permit()).release();
    const waiting = exports.permit();
    await expect.poll(async () => (await exports.inspect()).queued).toBe(1);
    const { address, semaphores } = await shown(`etcd://${endpoint}`);
    expect(address).toBe(`http://${endpoint}`);
    expect(semaphores).toMatchObject([
      { name: "exports", permits: 1, held: 1, queued: 1, holders: [{ owner: "worker" }], waiters: [{ weight: 1 }] },
      { name: "imports", held: 0 },
    ]);
    const loss = lossOf(permit);
    const { id } = semaphores[0]!.holders[0]!;
    const { code } = await run(["locks", "--release", id, "-y"], { env: { ETCD_ENDPOINTS: `http://${endpoint}` } });
    expect(code).toBe(0);
    expect(await loss).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
    await (await waiting).release();
    await exports.close();
    await imports.close();
  });
});

test.each([
  [["locks"], "which server?"],
  [["locks", "http://127.0.0.1:6379"], "the address must begin with redis://"],
  [["locks", "redis:///0"], "and name a host"],
  [["locks", "redis://:secret@127.0.0.1/exports"], "the number of a database"],
  [["locks", "redis://127.0.0.1", "--yes"], "--yes goes with --release"],
  [["locks", "redis://127.0.0.1", "--timeout", "none"], "--timeout must be a time"],
])("wrong usage: %j", async (argv, message) => {
  const { code, stderr } = await run(argv);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  expect(stderr).not.toContain("secret");
});

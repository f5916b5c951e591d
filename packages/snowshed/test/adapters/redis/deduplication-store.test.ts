import { Redis } from "ioredis";
import type { RedisClaim, RedisDeduplicationOptions } from "snowshed/redis";
import { RedisDeduplicationStore } from "snowshed/redis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { deduplicationStoreConformance } from "../../conformance/deduplication-store.ts";
import { clients, startRedis, startRedisCluster, until } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";
import { startProxy } from "../../support/tcp-proxy.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

let server: RedisServer;
let proxy: TcpProxy;
beforeAll(async () => {
  server = await startRedis();
  closing.push(() => server.stop());
  proxy = await startProxy(server.port);
  closing.push(() => proxy.stop());
}, 60_000);

/** Effects that are somewhere else: nobody can undo them. */
class Effects {
  readonly counts = new Map<string, number>();

  readonly write = (key: string): Promise<void> => {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    return Promise.resolve();
  };
}

for (const name of ["ioredis 6", "node-redis 6"] as const) {
  deduplicationStoreConformance<RedisClaim>(`Redis, ${name}`, async () => {
    const effects = new Effects();
    const { client, close } = await clients[name]!(server.topology);
    closing.push(close);
    return {
      open: (consumer) => Promise.resolve(new RedisDeduplicationStore(client, encodeName(consumer), { lease: 600 })),
      write: (_claim, key) => effects.write(key),
      effects: () => Promise.resolve(effects.counts),
      undoes: false,
    };
  });
}

function encodeName(name: string): string {
  return name.replaceAll(/[{}]/g, "");
}

function connect(port: number, options: object = {}): Redis {
  const client = new Redis({ host: "127.0.0.1", port, ...options });
  client.on("error", () => {});
  closing.push(() => client.disconnect());
  return client;
}

let names = 0;
function store(options: RedisDeduplicationOptions = {}, client: Redis = connect(server.port)): RedisDeduplicationStore {
  return new RedisDeduplicationStore(client, `consumer ${names}`, options);
}

test("a cluster holds the marks of a consumer on all its servers", async () => {
  const cluster = await startRedisCluster();
  closing.push(() => cluster.stop());
  const { client, close } = await clients["ioredis 6"]!(cluster.topology);
  closing.push(close);
  const marks = new RedisDeduplicationStore(client, "clustered");
  const keys = Array.from({ length: 30 }, (_, index) => `{${index}`);
  for (const key of keys) expect((await marks.apply({ key, at: Date.now() }, () => {})).status).toBe("applied");
  const sizes = await Promise.all(cluster.servers.map(({ cli }) => cli("dbsize")));
  expect(sizes.filter((size) => Number(size) > 0)).toHaveLength(3);
}, 60_000);

describe("claims", () => {
  test("a name that ends where another's key begins is another", async () => {
    const client = connect(server.port);
    const at = 1_700_000_000_000;
    const forever = { retention: Number.MAX_SAFE_INTEGER };
    await new RedisDeduplicationStore(client, `a:${at}`, forever).apply({ key: "k" }, () => {});
    const other = await new RedisDeduplicationStore(client, "a", forever).apply({ key: `:k`, at }, () => {});
    expect(other.status).toBe("applied");
  });

  test("a process that crashed with a claim: the event is free when its lease ends, and its effect may come twice", async () => {
    names++;
    const effects = new Effects();
    const dying = connect(server.port);
    const crashed = store({ lease: 300 }, dying).apply({ key: "crash" }, async () => {
      await effects.write("crash");
      // As a kill -9 does it: nothing is said any more.
      dying.disconnect();
      await new Promise(() => {});
    });
    crashed.catch(() => {});
    await until(() => effects.counts.size === 1, "the effect");
    expect((await store().apply({ key: "crash" }, () => effects.write("crash"))).status).toBe("applied");
    // This is what the weaker promise means.
    expect(effects.counts.get("crash")).toBe(2);
  });

  test("an effect that takes longer than its lease keeps its event", async () => {
    names++;
    const [a, b] = [store({ lease: 1500 }), store({ lease: 1500 })];
    let inside = 0;
    let most = 0;
    const effect = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 2200));
      inside--;
    };
    const outcomes = await Promise.all([a.apply({ key: "long" }, effect), b.apply({ key: "long" }, effect)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["applied", "duplicate"]);
    expect(most).toBe(1);
  });

  test("tokens of an event grow", async () => {
    names++;
    const one = store();
    const tokens: bigint[] = [];
    for (let round = 0; round < 3; round++) {
      const call = one.apply({ key: "token" }, ({ token }) => {
        tokens.push(token);
        if (round < 2) throw new Error("again");
      });
      if (round < 2) await expect(call).rejects.toThrow("again");
      else expect((await call).status).toBe("applied");
    }
    expect(tokens[0]! < tokens[1]! && tokens[1]! < tokens[2]!).toBe(true);
  });

  test("cut off from the server: the context ends before the claim does", async () => {
    names++;
    const client = connect(proxy.port);
    // Which is done within the time of a command only when it is connected.
    await client.ping();
    const cut = store({ lease: 1500, commandTimeout: 1000 }, client);
    let aborted = 0;
    let claimEnded = 0;
    let begun = false;
    const call = cut.apply({ key: "cut" }, async (_claim, context) => {
      proxy.halfOpen();
      begun = true;
      await context.sleep("1h").catch(() => {
        aborted = performance.now();
      });
    });
    call.catch(() => {});
    await until(() => begun, "the claim");
    const watching = store().apply({ key: "cut" }, () => {
      claimEnded = performance.now();
    });
    await expect(call).rejects.toMatchObject({
      code: "SNOWSHED_BACKEND_UNAVAILABLE",
      cause: { code: "SNOWSHED_LEASE_LOST" },
    });
    proxy.restore();
    await watching;
    expect(aborted).toBeGreaterThan(0);
    expect(aborted).toBeLessThanOrEqual(claimEnded);
    expect(cut.inspect()).toMatchObject({ lost: 1, unavailable: 1 });
  });

  test("the answer to a mark is lost: marked all the same", async () => {
    names++;
    const effects = new Effects();
    const client = connect(proxy.port, { retryStrategy: () => 20 });
    await client.ping();
    const unlucky = store({ lease: "6s", commandTimeout: 500 }, client);
    const outcome = await unlucky.apply({ key: "answer" }, async () => {
      await effects.write("answer");
      proxy.drop("down");
      setTimeout(() => proxy.restore(), 1000);
    });
    expect(outcome.status).toBe("applied");
    expect((await store().apply({ key: "answer" }, () => effects.write("answer"))).status).toBe("duplicate");
    expect(effects.counts.get("answer")).toBe(1);
  });

  test("an effect that ends well after its signal aborted is marked", async () => {
    names++;
    const controller = new AbortController();
    let go = (): void => {};
    const call = store().apply(
      { key: "after" },
      async () => {
        controller.abort();
        await new Promise<void>((resolve) => {
          go = resolve;
        });
      },
      { signal: controller.signal },
    );
    await expect(call).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
    const second = store().apply({ key: "after" }, () => expect.fail("it ran"));
    go();
    expect((await second).status).toBe("duplicate");
  });

  test("who waits for another's claim can leave", async () => {
    names++;
    let go = (): void => {};
    let begun = false;
    const held = store().apply({ key: "wait" }, async () => {
      begun = true;
      await new Promise<void>((resolve) => {
        go = resolve;
      });
    });
    await until(() => begun, "the claim");
    const waiting = store().apply({ key: "wait" }, () => {}, { signal: AbortSignal.timeout(50) });
    await expect(waiting).rejects.toMatchObject({ code: "SNOWSHED_DEADLINE_EXCEEDED" });
    go();
    expect((await held).status).toBe("applied");
  });

  test("a server that is not there", async () => {
    names++;
    const lonely = store({ commandTimeout: 100 }, connect(1));
    await expect(lonely.apply({ key: "a" }, () => expect.fail("it ran"))).rejects.toMatchObject({
      code: "SNOWSHED_BACKEND_UNAVAILABLE",
    });
  });

  test("marks end, and are as long as the event may come again", async () => {
    names++;
    const client = connect(server.port);
    const short = store({ lease: 100, retention: 60_000 }, client);
    const key = `snowshed:deduplication:${encodeURIComponent(`consumer ${names}`)}`;
    await short.apply({ key: "now" }, () => {});
    const at = Date.now() + 600_000;
    await short.apply({ key: "later", at }, () => {});
    const left = await client.pttl(`${key}::now`);
    expect(left > 50_000 && left <= 60_000).toBe(true);
    const later = await client.pttl(`${key}:${at}:later`);
    expect(later > 650_000 && later <= 660_000).toBe(true);
  });
});

test.each([
  [{ lease: 99 }],
  [{ lease: Number.NaN }],
  [{ lease: Number.POSITIVE_INFINITY }],
  [{ lease: "13h" }],
  [{ retention: "1s" }],
  [{ retention: Number.POSITIVE_INFINITY }],
  [{ prefix: "{a}" }],
  [{ prefix: "" }],
  [{ commandTimeout: 0 }],
])("options that mean nothing: %o", (options) => {
  expect(() => store(options as never)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
});

test.each([[""], [7], ["a{b"]])("names that are none: %o", (name) => {
  expect(() => new RedisDeduplicationStore(connect(server.port), name as never)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});

// Chapter 5: plan capacity from the knee that a load test shows, keep 25 % of the memory free, alert at 75 %. The article's
// knee, 88 % of the memory, is that of its workload: a knee is found where it is, and the step at which Redis makes a larger
// table of keys comes at another level for other values.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRedis } from "../../../snowshed/test/support/redis.ts";
import type { RedisServer } from "../../../snowshed/test/support/redis.ts";
import { alertFragment } from "../../src/gate/capacity/alert-fragment.ts";
import type { CapacityResult } from "../../src/gate/capacity/capacity-result.ts";
import { resultOf } from "../../src/gate/capacity/capacity-result.ts";
import { MemoryDriver } from "../../src/gate/capacity/drivers/memory.ts";
import { article } from "../../src/gate/config/presets/article.ts";
import { recommended } from "../../src/gate/config/presets/recommended.ts";
import { measured, memoryJudging, throughputJudging, usl } from "../gate/capacity/curves.ts";

const levels = [40, 50, 60, 70, 76, 80, 84, 88, 92, 96, 100];

/** A Redis whose latency is what it should be up to a level, and evicts when it is full. */
function memory(latency: (level: number) => number): CapacityResult {
  const measurements = measured(
    levels,
    () => 400,
    0,
    1,
    (level, draw) => ({
      used: level,
      p99: latency(level) * (1 + 0.05 * Math.abs(draw())),
      evictedAt: level === 100 ? 100 : null,
    }),
  );
  const about = { name: "redis", driver: "memory", target: null, unit: "% of maxmemory" };
  return resultOf({ ...about, measurements, judging: { ...memoryJudging, headroom: article.headroom } });
}

describe("R21: capacity from the knee, 25 % headroom, an alert at 75 % of the memory", () => {
  test("both presets keep a quarter free and alert at three quarters", () => {
    for (const preset of [article, recommended]) {
      expect([preset.headroom, preset.alerts.redisMemoryRatio]).toEqual([0.25, 0.75]);
    }
  });

  test("throughput: what is safe is the knee, on which two methods agree, less a quarter", () => {
    const loads = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];
    const about = { name: "api", driver: "redis-benchmark", target: null, unit: "clients" };
    const judged = (truth: (load: number) => number) =>
      resultOf({ ...about, measurements: measured(loads, truth, 0.02, 1), judging: throughputJudging });
    const { judgement } = judged(usl(1000, 0.1, 0.002));
    expect(judgement.estimates.map(({ method }) => method)).toEqual(["kneedle", "usl"]);
    expect(judgement.capacity).toBe(Math.min(...judgement.estimates.map(({ value }) => value)));
    expect(judgement.safe).toBeCloseTo(judgement.capacity! * 0.75, 9);
    expect(alertFragment(judged(usl(1000, 0.1, 0.002)))).toContain("rate(redis_commands_processed_total[5m])");
    // Without a knee there is no number, and no rule.
    expect(judged((load) => 1000 * load).judgement).toMatchObject({ verdict: "inconclusive", safe: null });
    expect(alertFragment(judged((load) => 1000 * load))).toBeUndefined();
  });

  test("memory without a knee: a quarter below the first eviction is the article's 75 %", () => {
    const result = memory(() => 3);
    expect(result.judgement).toMatchObject({ verdict: "found", limit: "eviction", capacity: 100, safe: 75 });
    expect(alertFragment(result)).toContain("redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.75\n");
  });

  test("a knee where the article has it: its own alert leaves less than a quarter", () => {
    // 3 ms, and 142 ms from 88 % on.
    const { judgement } = memory((level) => (level < 88 ? 3 : 142));
    expect(judgement).toMatchObject({ verdict: "found", limit: "knee", capacity: 84, safe: 63 });
    expect(1 - 75 / judgement.capacity!).toBeLessThan(0.25);
    expect(alertFragment(memory((level) => (level < 88 ? 3 : 142)))).toContain("> 0.63\n");
  });

  test("a knee that is elsewhere is found there", () => {
    expect(memory((level) => (level < 76 ? 3 : 30)).judgement).toMatchObject({ limit: "knee", capacity: 70 });
    expect(memory((level) => (level < 92 ? 3 : 30)).judgement).toMatchObject({ limit: "knee", capacity: 88 });
  });
});

describe("on a real Redis", () => {
  let server: RedisServer;
  let client: Redis;
  const maxBytes = 16 * 1024 * 1024;
  beforeAll(async () => {
    server = await startRedis({
      args: ["--maxmemory", String(maxBytes), "--maxmemory-policy", "allkeys-lru", "--save", ""],
    });
    client = new Redis(server.url);
  }, 300_000);
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  test("eviction begins when it is full: a quarter below that is 75 %", async () => {
    const more = { confirm: false, seed: 1, env: {}, folder: "/", stepSeconds: 0.01, valueBytes: 4000 };
    const driver = new MemoryDriver({ ...more, driver: "memory", url: new URL(server.url) });
    const { signal } = new AbortController();
    try {
      await driver.open();
      await driver.startRepetition(signal);
      expect(await driver.measure(75, signal)).toMatchObject({ evictedAt: null, refusedAt: null });
      const { evictedAt } = await driver.measure(100, signal);
      expect(evictedAt! * (1 - article.headroom)).toBeCloseTo(75, 0);
    } finally {
      await driver.close();
    }
  });

  test("a step in the cost of a write comes with a number of keys, and so at another level for other values", async () => {
    const used = async () => Number(/^used_memory:(\d+)/m.exec(await client.info("memory"))![1]);
    const fill = async (from: number, until: number, bytes: number) => {
      const pipeline = client.pipeline();
      for (let key = from; key < until; key++) pipeline.set(`key:${key}`, "x".repeat(bytes));
      await pipeline.exec();
    };
    const step = 2 ** 14;
    const levelsOfStep: number[] = [];
    for (const bytes of [512, 220]) {
      await client.flushall();
      for (let from = 0; from < step; from += 1024) await fill(from, from + 1024, bytes);
      const before = await used();
      // One key more than the table has places: Redis makes one of twice the size.
      await fill(step, step + 1, bytes);
      expect((await used()) - before).toBeGreaterThan(step * 2 * 8 * 0.9);
      expect(await client.dbsize()).toBe(step + 1);
      levelsOfStep.push((before / maxBytes) * 100);
    }
    const [large, small] = levelsOfStep;
    expect(large! - small!).toBeGreaterThan(20);
    await client.flushall();
  });
});

import { describe, expect, onTestFinished, test } from "vitest";
import type { RedisQuotaOptions, RedisQuotaPermit } from "../../src/adapters/redis/redis-quota-options.ts";
import { RedisQuota } from "../../src/adapters/redis/redis-quota.ts";
import { excess } from "../support/rate-check.ts";
import type { TestClient } from "../support/redis.ts";
import { until } from "../support/redis.ts";

/** What a client and the servers it was connected to are tested through. */
export interface RedisQuotaSubject {
  /** A client of its own, as another process has it. */
  readonly connect: () => Promise<TestClient>;
  /** A command to every server that can run it. */
  readonly everywhere: (...command: string[]) => Promise<readonly string[]>;
}

let made = 0;

/** When a permit could go, by the server's clock. */
const atOf = (permit: RedisQuotaPermit): number => (permit as unknown as { readonly at: number }).at;
const goneOf = (permits: readonly RedisQuotaPermit[]) =>
  permits.map((permit) => ({ at: atOf(permit), weight: permit.weight }));

/** What holds for every client and every kind of server. */
export function redisQuotaConformance(title: string, subject: RedisQuotaSubject): void {
  describe(title, () => {
    const quotaOf = async (options: RedisQuotaOptions, name: string = `quota-${made++}`): Promise<RedisQuota> => {
      const { client, close } = await subject.connect();
      onTestFinished(() => close());
      return new RedisQuota(client, name, options);
    };
    const keysOf = async (name: string): Promise<string[]> => {
      const lists = await subject.everywhere("keys", `*${name}*`);
      return lists.flatMap((text) => text.split("\n")).filter((line) => line !== "");
    };

    test("a burst goes at once, the others evenly and in order", async () => {
      const quota = await quotaOf({ limits: [{ requests: 200, per: "1s", burst: 5 }] });
      const order: number[] = [];
      const permits = await Promise.all(
        Array.from({ length: 25 }, async (_, index) => {
          const permit = await quota.permit();
          order.push(index);
          return permit;
        }),
      );
      expect(order).toEqual(Array.from({ length: 25 }, (_, index) => index));
      expect(excess(goneOf(permits), 200, 1_000_000, 5)).toBeLessThanOrEqual(0);
      // Who waits goes at the microsecond that was found for it.
      const gaps = permits.slice(1).map((permit, index) => atOf(permit) - atOf(permits[index]!));
      expect(gaps).toContain(5000);
      expect(quota.queued).toBe(0);
    });

    test("nobody goes before the time", async () => {
      const quota = await quotaOf({ limits: [{ requests: 10, per: "1s" }] });
      const start = performance.now();
      await Promise.all([quota.permit(), quota.permit(), quota.permit()]);
      expect(performance.now() - start).toBeGreaterThanOrEqual(200);
    });

    test("several share it, and each takes its turn", async () => {
      const name = `shared-${made++}`;
      const options = { limits: [{ requests: 500, per: "1s", burst: 2 }] } as const;
      const quotas = await Promise.all([quotaOf(options, name), quotaOf(options, name), quotaOf(options, name)]);
      // With connections to where it is: who had to make one would begin later than the others.
      await Promise.all(quotas.map((quota) => quota.inspect()));
      const permits = await Promise.all(quotas.flatMap((quota) => Array.from({ length: 20 }, () => quota.permit())));
      expect(excess(goneOf(permits), 500, 1_000_000, 2)).toBeLessThanOrEqual(0);
      // Each has one that waits with its time: when the first has had all its turns, so have the others half of theirs, however
      // long the machine stood still meanwhile.
      const served = permits.map((permit, index) => ({ at: atOf(permit), whose: Math.floor(index / 20) }));
      const turns = served.toSorted((x, y) => x.at - y.at).map(({ whose }) => whose);
      const last = quotas.map((_, whose) => turns.lastIndexOf(whose));
      expect(Math.min(...last)).toBeGreaterThanOrEqual(40);
    });

    test("of several limits, all are taken from or none", async () => {
      const limits = [
        { requests: 10, per: "1h", burst: 10 },
        { requests: 3, per: "1h", burst: 3 },
      ] as const;
      const quota = await quotaOf({ limits });
      expect(await quota.tryPermit(3)).toMatchObject({ weight: 3 });
      expect(await quota.tryPermit()).toBeUndefined();
      expect((await quota.inspect()).limits).toMatchObject([{ available: 7 }, { available: 0 }]);
      await expect(quota.permit(4)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    });

    test("keys have limits of their own, and are at different places", async () => {
      const quota = await quotaOf({ limits: [{ requests: 1, per: "1h" }] });
      const keys = ["", "a", "b", "{a}", "}:quota:", "tenant 7", "ключ"];
      for (const key of keys) {
        expect(await quota.tryPermit(1, { key }), key).toBeDefined();
        expect(await quota.tryPermit(1, { key }), key).toBeUndefined();
      }
      expect(await quota.tryPermit()).toBeDefined();
      expect(await keysOf(quota.name)).toHaveLength(keys.length + 1);
    });

    test("who cannot go in time is told at once, and nothing is spent", async () => {
      const quota = await quotaOf({ limits: [{ requests: 1, per: "1h" }] });
      await quota.permit();
      const refused = { code: "SNOWSHED_LIMIT_EXCEEDED", retryAfter: expect.closeTo(3_600_000, -4) as number };
      await expect(quota.permit(1, { timeout: "1s" })).rejects.toMatchObject(refused);
      await expect(quota.permit(1, { timeout: 0 })).rejects.toMatchObject(refused);
      expect(await quota.tryPermit()).toBeUndefined();
      const { limits, queued } = await quota.inspect();
      expect({ limits, queued }).toEqual({ limits: [{ requests: 1, per: 3_600_000, available: 0 }], queued: 0 });
    });

    test("who is canceled while it has its time gives it back", async () => {
      const quota = await quotaOf({ limits: [{ requests: 10, per: "1h", burst: 10 }] });
      await quota.permit(10);
      const controller = new AbortController();
      const heavy = quota.permit(10, { signal: controller.signal });
      const light = quota.permit(1, { signal: controller.signal });
      const outcomes = Promise.allSettled([heavy, light]);
      // It has asked, and waits behind who has its time.
      await until(async () => (await quota.tryPermit()) === undefined && quota.queued === 2, "two wait");
      controller.abort();
      for (const each of await outcomes) expect(each).toMatchObject({ reason: { name: "AbortError" } });
      // 10 are spent, as before: one comes back in six minutes, and not in two hours.
      const wait = async (): Promise<number> => {
        const error = (await quota.permit(1, { timeout: 1 }).catch((reason: unknown) => reason)) as object;
        return (error as { retryAfter?: number }).retryAfter ?? Number.NaN;
      };
      await until(async () => (await wait()) <= 360_000, "the time of the heavy one was given back");
    });

    test("what is refunded at once can be spent again, once", async () => {
      const quota = await quotaOf({ limits: [{ requests: 5, per: "1h", burst: 5 }] });
      const permit = await quota.permit(5);
      expect(await quota.tryPermit()).toBeUndefined();
      await Promise.all([permit.refund(), permit.refund()]);
      await permit.refund();
      expect(await quota.tryPermit(5)).toBeDefined();
      expect(await quota.tryPermit()).toBeUndefined();
    });

    test("a pause holds everybody, and no shorter one ends it", async () => {
      const name = `paused-${made++}`;
      const options = { limits: [{ requests: 1000, per: "1s", burst: 100 }] } as const;
      const [one, other] = await Promise.all([quotaOf(options, name), quotaOf(options, name)]);
      const refusal = new Response(null, { status: 429, headers: { "Retry-After": "60" } });
      await one.run(() => refusal);
      expect(await one.tryPermit()).toBeUndefined();
      await until(async () => (await other.tryPermit()) === undefined, "the other one knows");
      await other.penalise("1s");
      expect((await one.inspect()).pausedFor).toBeGreaterThan(50_000);
      await expect(one.permit(1, { timeout: "10s" })).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
      expect(await other.tryPermit(1, { key: "another" })).toBeDefined();
    });

    test("after a pause the burst is there, and no more", async () => {
      const quota = await quotaOf({ limits: [{ requests: 1, per: "1h", burst: 3 }] });
      await quota.penalise(150);
      const permits = await Promise.all(Array.from({ length: 3 }, () => quota.permit()));
      expect(excess(goneOf(permits), 1, 3_600_000_000, 3)).toBeLessThanOrEqual(0);
      expect(await quota.tryPermit()).toBeUndefined();
    });

    test("a server that lost its scripts in the middle is sent them again", async () => {
      const quota = await quotaOf({ limits: [{ requests: 2000, per: "1s", burst: 10 }] });
      const permits: RedisQuotaPermit[] = [];
      for (let round = 0; round < 3; round++) {
        permits.push(...(await Promise.all(Array.from({ length: 20 }, () => quota.permit()))));
        await subject.everywhere("script", "flush");
      }
      expect(permits).toHaveLength(60);
      expect(excess(goneOf(permits), 2000, 1_000_000, 10)).toBeLessThanOrEqual(0);
    });

    test("nothing stays in Redis for longer than it matters", async () => {
      const quota = await quotaOf({ limits: [{ requests: 1, per: "1500ms" }] });
      const permit = await quota.permit();
      expect(await keysOf(quota.name)).toHaveLength(1);
      await until(async () => (await keysOf(quota.name)).length === 0, "the key is gone");
      await permit.refund();
      expect(await keysOf(quota.name)).toEqual([]);
    });

    test("a block is spent without asking, and what is left of it is given back", async () => {
      const name = `block-${made++}`;
      const limits = [{ requests: 40, per: "1h", burst: 40 }] as const;
      const [quota, other] = await Promise.all([quotaOf({ limits, block: 10 }, name), quotaOf({ limits }, name)]);
      await other.permit(5);
      for (let call = 0; call < 4; call++) await quota.permit();
      // It took ten, and has spent four of them.
      expect((await other.inspect()).limits[0]!.available).toBe(25);
      await quota.close();
      expect((await other.inspect()).limits[0]!.available).toBe(31);
      await expect(quota.permit()).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
    });
  });
}

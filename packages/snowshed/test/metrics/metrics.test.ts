import { describe, expect, test } from "vitest";
import { CircuitBreaker, fixed, Keyed, Limiter, Pipeline, ReentrantSemaphore, RetryBudget, Semaphore } from "snowshed";
import { Origins } from "snowshed/http";
import { Metrics } from "snowshed/prometheus";
import { FakeClock } from "snowshed/testing";
import { FileHandles, KeyedQuota, Pool, Quota } from "snowshed/throttle";
import { allMetrics } from "../../src/metrics/descriptions.ts";
import { collected } from "../support/garbage.ts";
import { valuesOf } from "../support/metric-values.ts";

const limiter = (name: string | undefined, limit: number = 1): Limiter =>
  new Limiter({ algorithm: fixed(limit), name });

describe("what each piece gives", () => {
  const clock = new FakeClock();
  const rows: readonly (readonly [string, () => object | Promise<object>, Record<string, number>])[] = [
    [
      "a limiter",
      () => {
        const piece = limiter("a", 1);
        piece.tryAcquire();
        piece.tryAcquire();
        return piece;
      },
      {
        "resource.capacity limiter a": 1,
        "resource.held limiter a": 1,
        "resource.pending limiter a": 0,
        "rejections limiter a limit": 1,
        "rejections limiter a priority": 0,
        "rejections limiter a wait": 0,
        "limiter.limit a": 1,
        "limiter.admitted a": 1,
        "limiter.dropped a": 0,
      },
    ],
    [
      "a breaker",
      async () => {
        const piece = new CircuitBreaker({ name: "a" });
        piece.open();
        await piece.run(() => 1).catch(() => {});
        return piece;
      },
      {
        "rejections breaker a open": 1,
        "breaker.state a closed": 0,
        "breaker.state a half-open": 0,
        "breaker.state a open": 1,
        "breaker.opened a": 1,
      },
    ],
    [
      "a budget, which has no name of its own",
      () => {
        const piece = new RetryBudget({ minimumPerSecond: 0.1, clock });
        piece.tryWithdraw();
        piece.tryWithdraw();
        return piece;
      },
      {
        "rejections retry-budget unnamed budget": 1,
        "retry_budget.balance unnamed": 0,
        "retry_budget.withdrawn unnamed": 1,
      },
    ],
    [
      "a semaphore",
      () => {
        const piece = new Semaphore(3, { name: "a" });
        piece.tryAcquire(2);
        void piece.acquire(2);
        return piece;
      },
      { "resource.capacity semaphore a": 3, "resource.held semaphore a": 2, "resource.pending semaphore a": 1 },
    ],
    [
      "a reentrant semaphore",
      () => {
        const piece = new ReentrantSemaphore(3, { name: "a" });
        piece.tryAcquire(2, { owner: "me" });
        return piece;
      },
      { "resource.capacity semaphore a": 3, "resource.held semaphore a": 2, "resource.pending semaphore a": 0 },
    ],
    [
      "a pool",
      async () => {
        const piece = new Pool({ create: () => ({}), max: 2, leakThreshold: "1h", onLeak: () => {}, name: "a", clock });
        await piece.run(() => 1);
        await piece.permit();
        await clock.advance("1.5s");
        return piece;
      },
      {
        "resource.capacity pool a": 2,
        "resource.held pool a": 1,
        "resource.pending pool a": 0,
        "rejections pool a limit": 0,
        "pool.resources a idle": 0,
        "pool.resources a held": 1,
        "pool.resources a creating": 0,
        "pool.resources a validating": 0,
        "pool.resources a destroying": 0,
        "pool.created a": 1,
        "pool.create_failures a": 0,
        "pool.broken a": 0,
        "pool.leaks a": 0,
        "pool.longest_held a": 1.5,
      },
    ],
    [
      "a quota",
      () => {
        const piece = new Quota({
          limits: [
            { requests: 10, per: "1s", burst: 4 },
            { requests: 100, per: "1m", burst: 50 },
          ],
          name: "a",
          clock,
        });
        piece.tryPermit(3);
        piece.observe({ status: 429, headers: { "retry-after": "2", "x-ratelimit-remaining": "7" } });
        return piece;
      },
      {
        "resource.pending quota a": 0,
        "rejections quota a limit": 0,
        "quota.available a": 1,
        "quota.paused a": 2,
        "quota.server_remaining a": 7,
      },
    ],
    [
      "a quota for keys",
      () => {
        const piece = new KeyedQuota({ limits: [{ requests: 1, per: "1s" }], maxKeys: 1, name: "a", clock });
        piece.tryPermit("secret-tenant");
        piece.tryPermit("another-tenant");
        return piece;
      },
      { "keyed_quota.keys a": 1, "keyed_quota.max_keys a": 1, "rejections keyed-quota a room": 1 },
    ],
    [
      "file handles",
      async () => {
        const piece = new FileHandles({ limit: 2, name: "a", clock });
        await piece.permit();
        return piece;
      },
      {
        "resource.capacity file-handles a": 2,
        "resource.held file-handles a": 1,
        "resource.pending file-handles a": 0,
        "rejections file-handles a limit": 0,
        "file_handles.exhausted a": 0,
        "file_handles.paused a": 0,
      },
    ],
  ];

  test.each(rows)("%s", async (_, make, expected) => {
    const metrics = new Metrics();
    const piece = await make();
    metrics.add(piece);
    expect(valuesOf(metrics)).toEqual({ ...expected, "metrics.errors": 0 });
    expect(metrics.remove(piece)).toBe(true);
  });

  test("a semaphore and a quota of several processes, as this one knows them", () => {
    const metrics = new Metrics();
    const tryPermit = (): undefined => undefined;
    const shared = { name: "a", permits: 5, held: 2, pending: 1, lost: 3, tryPermit, releaseHolder: tryPermit };
    metrics.add(shared);
    const quota = { name: "b", queued: 4, tryPermit };
    metrics.add(quota);
    expect(valuesOf(metrics)).toEqual({
      "resource.capacity semaphore a": 5,
      "resource.held semaphore a": 2,
      "resource.pending semaphore a": 1,
      "resource.pending quota b": 4,
      "leases.lost a": 3,
      "metrics.errors": 0,
    });
    expect([metrics.remove(shared), metrics.remove(quota)]).toEqual([true, true]);
  });
});

describe("pieces that are made of pieces", () => {
  test("a pipeline gives its limiter, breaker and budget, by their names or its own", () => {
    const pipeline = new Pipeline({ limiter: { algorithm: fixed(2) }, breaker: { name: "bill" }, retry: 2 });
    const metrics = new Metrics();
    metrics.add(pipeline, { name: "api" });
    const values = valuesOf(metrics);
    expect(values["limiter.limit api"]).toBe(2);
    expect(values["breaker.state bill closed"]).toBe(1);
    expect(values).toHaveProperty(["retry_budget.balance api"]);
    expect(metrics.remove(pipeline)).toBe(true);
    expect(valuesOf(metrics)["limiter.limit api"]).toBeUndefined();
  });

  test("a Keyed gives what it holds now; its keys are no labels", () => {
    const keyed = new Keyed((key) => limiter(key === "named" ? "named" : undefined, 2));
    const metrics = new Metrics();
    metrics.add(keyed, { name: "tenants" });
    for (const key of ["secret-1", "secret-2", "named"]) keyed.get(key).tryAcquire();
    const values = valuesOf(metrics);
    expect(values["resource.held limiter tenants"]).toBe(2);
    expect(values["resource.held limiter named"]).toBe(1);
    expect(JSON.stringify(values)).not.toContain("secret");
  });

  test("Origins give the three of each origin, whose name is the origin", () => {
    const origins = new Origins();
    origins.get("https://api.example");
    const metrics = new Metrics();
    metrics.add(origins);
    expect(valuesOf(metrics)["breaker.state https://api.example closed"]).toBe(1);
  });

  test("what a Keyed holds that is no piece is passed over", () => {
    const metrics = new Metrics();
    const keyed = new Keyed((key) => ({ key }));
    keyed.get("a");
    metrics.add(keyed);
    expect(valuesOf(metrics)).toEqual({ "metrics.errors": 0 });
    expect(metrics.remove(keyed)).toBe(true);
  });
});

describe("names", () => {
  test("pieces of one name and kind are summed; durations give the longest", async () => {
    const clock = new FakeClock();
    const metrics = new Metrics();
    const [one, two] = [limiter("a", 2), limiter("a", 3)];
    one.tryAcquire();
    two.tryAcquire();
    const pools = [1, 2].map(() => new Pool({ create: () => ({}), onLeak: () => {}, name: "a", clock }));
    await pools[0]!.permit();
    await clock.advance("1s");
    await pools[1]!.permit();
    await clock.advance("1s");
    for (const piece of [one, two, ...pools]) metrics.add(piece);
    expect(valuesOf(metrics)).toMatchObject({
      "limiter.limit a": 5,
      "limiter.admitted a": 2,
      "pool.longest_held a": 2,
      "pool.resources a held": 2,
    });
  });

  test("the same piece twice is one; by another name it is refused, and stays as it was", () => {
    const metrics = new Metrics();
    const piece = limiter("a");
    metrics.add(piece);
    metrics.add(piece);
    metrics.add(piece, { name: "a" });
    expect(() => metrics.add(piece, { name: "b" })).toThrow('"a"');
    expect(() => metrics.add(piece, { name: "b" })).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
    expect(valuesOf(metrics)["limiter.limit a"]).toBe(1);
    expect([metrics.remove(piece), metrics.remove(piece)]).toEqual([true, false]);
    metrics.add(piece, { name: "b" });
    expect(valuesOf(metrics)["limiter.limit b"]).toBe(1);
  });

  test("after so many names there is only one more, which has all the others", () => {
    const metrics = new Metrics();
    const pieces = Array.from({ length: 400 }, (_, index) => limiter(`limiter-${index}`));
    for (const piece of pieces) {
      piece.tryAcquire();
      metrics.add(piece);
    }
    for (const { metric, samples } of metrics.collect()) {
      const names = new Set(samples.map(({ labels }) => labels.name));
      expect([metric.name, names.size <= 201]).toEqual([metric.name, true]);
    }
    const values = valuesOf(metrics);
    expect(values["limiter.admitted limiter-199"]).toBe(1);
    expect(values["limiter.admitted limiter-200"]).toBeUndefined();
    expect(values["limiter.admitted other"]).toBe(200);
    expect(pieces.length).toBe(400);
  });

  test("a slot is never given again: who keeps the values keeps them for long", () => {
    const metrics = new Metrics({ maxNames: 2 });
    const labels = new Set<string | undefined>();
    for (let day = 0; day < 10; day++) {
      const piece = limiter(`day-${day}`);
      metrics.add(piece);
      for (const { samples } of metrics.collect()) for (const { labels: each } of samples) labels.add(each.name);
      metrics.remove(piece);
    }
    expect([...labels].filter((name) => name !== undefined).toSorted()).toEqual(["day-0", "day-1", "other"]);
  });

  test("one without a name, a long one, half a character", () => {
    const metrics = new Metrics();
    const pieces = [undefined, "", "x".repeat(1000), "\uD800", "\uDC00"].map((name) => limiter(name));
    for (const piece of pieces) metrics.add(piece);
    const values = valuesOf(metrics);
    expect(values["limiter.limit unnamed"]).toBe(2);
    expect(values[`limiter.limit ${"x".repeat(100)}`]).toBe(1);
    expect(values["limiter.limit \uFFFD"]).toBe(2);
    expect(pieces.length).toBe(5);
  });
});

describe("pieces that are gone", () => {
  test("none is kept alive; its counters stay, its gauges go", async () => {
    const metrics = new Metrics();
    const isCollected = await collected(() => {
      const piece = limiter("a");
      piece.tryAcquire();
      metrics.add(piece);
      expect(valuesOf(metrics)).toMatchObject({ "limiter.admitted a": 1, "limiter.limit a": 1 });
      return new WeakRef(piece);
    });
    expect(isCollected).toBe(true);
    const values = valuesOf(metrics);
    expect(values["limiter.limit a"]).toBeUndefined();
    expect(values["limiter.admitted a"]).toBe(1);
  });

  test("a counter never falls, whatever comes and goes", () => {
    const metrics = new Metrics();
    let before = 0;
    for (let round = 0; round < 20; round++) {
      const piece = limiter("a", 100);
      metrics.add(piece);
      for (let call = 0; call < 5; call++) piece.tryAcquire();
      if (round % 2 === 0) metrics.collect();
      metrics.remove(piece);
      const now = valuesOf(metrics)["limiter.admitted a"]!;
      expect(now).toBe(before + 5);
      before = now;
    }
  });

  test("many that come and go leave nothing behind", async () => {
    const metrics = new Metrics();
    const round = (): void => {
      for (let each = 0; each < 2000; each++) metrics.add(new Semaphore(1, { name: `s-${each}` }));
    };
    const heap = async (): Promise<number> => {
      for (let each = 0; each < 2; each++) await collected(() => new WeakRef({}));
      return process.memoryUsage().heapUsed;
    };
    round();
    const before = await heap();
    for (let rounds = 0; rounds < 3; rounds++) {
      round();
      await heap();
    }
    // Each would be more than 160 bytes.
    expect((await heap()) - before).toBeLessThan(6000 * 80);
    expect(metrics.collect().length).toBeGreaterThan(0);
  }, 20_000);
});

describe("what is wrong", () => {
  test("a piece that throws, or gives what is no number, hides no other; its counters stay", () => {
    const metrics = new Metrics();
    const good = limiter("good");
    const bad = limiter("bad", 5);
    bad.tryAcquire();
    for (const piece of [bad, good]) metrics.add(piece);
    expect(valuesOf(metrics)["limiter.limit bad"]).toBe(5);
    let answer = (): object => {
      throw new Error("broken");
    };
    Object.defineProperty(bad, "inspect", { value: () => answer() });
    const expected = { "limiter.limit good": 1, "limiter.admitted bad": 1 };
    expect(valuesOf(metrics)).toMatchObject({ ...expected, "metrics.errors": 1 });
    expect(valuesOf(metrics)["limiter.limit bad"]).toBeUndefined();
    const sound = good.inspect();
    for (const wrong of [Number.NaN, "5", undefined, 5n]) {
      answer = () => ({ ...sound, limit: wrong, accepted: 70 });
      expect(valuesOf(metrics)).toMatchObject(expected);
    }
    for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY, "5"]) {
      answer = () => ({ ...sound, accepted: wrong });
      expect(valuesOf(metrics)).toMatchObject(expected);
    }
    expect(valuesOf(metrics)["metrics.errors"]).toBe(2 + 4 + 4 + 1);
    // And back: it is shown again, with what it counted in the meantime.
    answer = () => ({ ...sound, accepted: 70 });
    expect(valuesOf(metrics)).toMatchObject({ "limiter.admitted bad": 70, "metrics.errors": 11 });
  });

  test("a counter that begins anew only adds", () => {
    const metrics = new Metrics();
    const piece = limiter("a");
    let accepted = 10;
    const sound = piece.inspect();
    Object.defineProperty(piece, "inspect", { value: () => ({ ...sound, accepted }) });
    metrics.add(piece);
    metrics.collect();
    accepted = 3;
    expect(valuesOf(metrics)["limiter.admitted a"]).toBe(13);
    accepted = 4;
    expect(valuesOf(metrics)["limiter.admitted a"]).toBe(14);
  });

  test("a collection that throws hides no other", () => {
    const metrics = new Metrics();
    const keyed = new Keyed(() => limiter("a"));
    metrics.add(keyed);
    keyed.get("a");
    Object.defineProperty(keyed, "entries", {
      value: () => {
        throw new Error("broken");
      },
    });
    const other = limiter("b");
    metrics.add(other);
    expect(valuesOf(metrics)).toMatchObject({ "limiter.limit b": 1, "metrics.errors": 1 });
    expect(metrics.remove(other)).toBe(true);
  });

  test.each([[undefined], [null], [1], ["limiter"], [() => 1], [{}], [[]], [new Map()], [{ inspect: () => ({}) }]])(
    "%j is no piece",
    (piece) => {
      const metrics = new Metrics();
      expect(() => metrics.add(piece as object)).toThrow(
        expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT", name: "TypeError" }),
      );
      expect(metrics.remove(piece as object)).toBe(false);
      expect(valuesOf(metrics)).toEqual({ "metrics.errors": 0 });
    },
  );

  test.each([[0], [-1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY], ["1"], [null]])(
    "maxNames %j is refused",
    (maxNames) => {
      expect(() => new Metrics({ maxNames: maxNames as number })).toThrow(
        expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
      );
    },
  );

  test("a name that is no text is refused, and nothing is added", () => {
    const metrics = new Metrics();
    const piece = limiter("a");
    expect(() => metrics.add(piece, { name: 5 as unknown as string })).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
    expect(metrics.remove(piece)).toBe(false);
  });
});

test("every metric is described in its own words, by the conventions", () => {
  expect(new Set(allMetrics.map(({ name }) => name)).size).toBe(allMetrics.length);
  expect(new Set(allMetrics.map(({ help }) => help)).size).toBe(allMetrics.length);
  for (const { name, help, unit, labels } of allMetrics) {
    expect(name).toMatch(/^snowshed(?:\.[a-z]+(?:_[a-z]+)*)+$/);
    expect(help).toMatch(/^[A-Z].*\.$/);
    expect(unit).toMatch(/^(?:s|\{[a-z]+\})$/);
    expect(labels).not.toContain("task");
  }
});

// Pace, bursts, weights, several limits, order, priorities, refusal, cancellation, refunds.
import { CanceledError, DeadlineExceededError, retryAfter } from "snowshed";
import type { QuotaOptions } from "snowshed/throttle";
import { Quota } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { installHooks } from "../../src/hooks.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";

useFakeTime();

function quotaOf(options: Partial<QuotaOptions> = {}): Quota {
  return new Quota({ limits: [{ requests: 10, per: "1s" }], clock, ...options });
}

/** Calls at once, and notes when each may go. */
function callAll(quota: Quota, names: readonly string[], options: Parameters<Quota["permit"]>[1] = {}, weight = 1) {
  const passed: string[] = [];
  const calls = names.map((name) =>
    quota.permit(weight, options).then(
      () => passed.push(`${name}@${clock.now()}`),
      (error: unknown) => passed.push(`${name}: ${(error as { code: string }).code}`),
    ),
  );
  return { passed, calls };
}

describe("a quota", () => {
  test("spaces calls evenly", async () => {
    const { passed } = callAll(quotaOf(), ["a", "b", "c"]);
    await clock.advance(1000);
    expect(passed).toEqual(["a@0", "b@100", "c@200"]);
  });

  test("lets a burst go at once after a pause", async () => {
    const quota = quotaOf({ limits: [{ requests: 10, per: "1s", burst: 3 }] });
    const { passed } = callAll(quota, ["a", "b", "c", "d"]);
    await clock.advance(2000);
    expect(passed).toEqual(["a@0", "b@0", "c@0", "d@100"]);
    expect(quota.inspect().limits).toEqual([{ requests: 10, per: 1000, available: 3 }]);
  });

  test("keeps all of its limits", async () => {
    const quota = quotaOf({
      limits: [
        { requests: 10, per: "1s", burst: 10 },
        { requests: 12, per: "1m", burst: 12 },
      ],
    });
    const { passed } = callAll(quota, "abcdefghijklmn".split(""));
    await clock.advance("10s");
    expect(passed.slice(9)).toEqual(["j@0", "k@100", "l@200", "m@5000", "n@10000"]);
  });

  test("spends as many units as a call weighs, and lets one that is heavier than the burst go when nothing is owed", async () => {
    const quota = quotaOf();
    const heavy = callAll(quota, ["heavy"], {}, 5);
    const { passed } = callAll(quota, ["light"]);
    await clock.advance(1000);
    expect([...heavy.passed, ...passed]).toEqual(["heavy@0", "light@500"]);
  });

  test("never lets a light one pass a heavy one that waits", async () => {
    const quota = quotaOf({ limits: [{ requests: 10, per: "1s", burst: 4 }] });
    expect(quota.tryPermit(2)?.weight).toBe(2);
    const heavy = callAll(quota, ["heavy"], {}, 4);
    const light = callAll(quota, ["light"]);
    expect(quota.tryPermit()).toBeUndefined();
    await clock.advance(1000);
    expect([...heavy.passed, ...light.passed]).toEqual(["heavy@200", "light@300"]);
  });

  test("is exact where a computer's fractions are not", async () => {
    const quota = quotaOf({ limits: [{ requests: 3, per: "1s" }] });
    let passed = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      if (quota.tryPermit() !== undefined) passed++;
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(1);
    }
    // Every 334 ms, by a clock of whole milliseconds.
    expect(passed).toBe(30);
  });

  test("takes more than a computer's integers hold", async () => {
    const quota = quotaOf({ limits: [{ requests: 99_991, per: "24h" }] });
    const { passed } = callAll(quota, ["a", "b"]);
    await clock.advance("1s");
    expect(passed).toEqual(["a@0", "b@865"]);
  });

  test("runs its task once it may go, with the context of the signal, and passes on how it ended", async () => {
    const quota = quotaOf();
    const context = root.withCancel();
    const done = quota.run((given) => given === context, { signal: context });
    const failed = quota.run(async () => {
      throw new Error("of the task");
    });
    void failed.catch(() => {});
    await clock.advance(100);
    expect(await done).toBe(true);
    await expect(failed).rejects.toThrow("of the task");
  });

  test("gives units back that were not used, once", async () => {
    const quota = quotaOf();
    const permit = quota.tryPermit();
    const { passed } = callAll(quota, ["next"]);
    permit?.refund();
    permit?.refund();
    await clock.advance(0);
    expect(passed).toEqual(["next@0"]);
    expect(quota.tryPermit()).toBeUndefined();
  });

  test("is no harm to who disposes of a permit: spent is spent", () => {
    const quota = quotaOf();
    quota.tryPermit()?.[Symbol.dispose]();
    expect(quota.tryPermit()).toBeUndefined();
  });

  test("counts no time twice when its clock goes back", async () => {
    let back = 0;
    const quota = quotaOf({ clock: { ...methodsOf(), now: () => clock.now() - back } });
    expect(quota.tryPermit()).toBeDefined();
    back = 5000;
    expect(quota.tryPermit()).toBeUndefined();
    await clock.advance(100);
    expect(quota.tryPermit()).toBeDefined();
    expect(quota.tryPermit()).toBeUndefined();
  });
});

function methodsOf() {
  return {
    date: () => clock.date(),
    random: () => clock.random(),
    setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms),
  };
}

describe("who waits", () => {
  test("goes by importance, then by arrival", async () => {
    const quota = quotaOf();
    quota.tryPermit();
    const passed: string[] = [];
    for (const priority of ["low", "normal", "critical", "normal", "high"] as const) {
      void quota.permit(1, { priority }).then(() => passed.push(priority));
    }
    await clock.advance(500);
    expect(passed).toEqual(["critical", "high", "normal", "normal", "low"]);
  });

  test("finds a share reserved for the important", async () => {
    const quota = quotaOf({ limits: [{ requests: 10, per: "1s", burst: 10 }], reserve: { critical: 0.2, high: 0.3 } });
    const take = (priority: "critical" | "high" | "normal") => {
      let taken = 0;
      while (quota.tryPermit(1, { priority }) !== undefined) taken++;
      return taken;
    };
    expect([take("normal"), take("high"), take("critical"), take("critical")]).toEqual([5, 3, 2, 0]);
    await clock.advance(1000);
    // And what flows back is shared in the same way.
    expect([take("critical"), take("normal")]).toEqual([10, 0]);
  });

  test("is refused when too many wait, the least important first", async () => {
    const quota = quotaOf({ maxQueue: 2, name: "github" });
    quota.tryPermit();
    const low = callAll(quota, ["low"], { priority: "low" });
    const normal = callAll(quota, ["one", "two", "three"]);
    await clock.advance(1000);
    expect(low.passed).toEqual(["low: SNOWSHED_LIMIT_EXCEEDED"]);
    expect(normal.passed).toEqual(["three: SNOWSHED_LIMIT_EXCEEDED", "one@100", "two@200"]);
  });

  test("is refused at once when it is known to take too long, and is told how long", async () => {
    const quota = quotaOf({ limits: [{ requests: 1, per: "1m" }], name: "github" });
    quota.tryPermit();
    const error: unknown = await quota.permit(1, { timeout: "3s" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "SNOWSHED_LIMIT_EXCEEDED",
      message: expect.stringContaining("github") as string,
    });
    expect(retryAfter(error)).toBe(60_000);
    expect(quota.queued).toBe(0);
  });

  test("gives up after its timeout, and when it is canceled, having spent nothing", async () => {
    const quota = quotaOf();
    quota.tryPermit();
    const context = root.withCancel();
    const first = quota.permit(1, { signal: context });
    const late = quota.permit(1, { timeout: 150 });
    const last = callAll(quota, ["last"]);
    const ended = Promise.allSettled([first, late]);
    context.cancel();
    await clock.advance(300);
    const [canceled, timedOut] = await ended;
    expect(canceled).toMatchObject({ reason: expect.any(CanceledError) as unknown });
    // The first one's place went to it.
    expect(timedOut.status).toBe("fulfilled");
    expect(last.passed).toEqual(["last@200"]);
  });

  test("gives up after its timeout when others go first", async () => {
    const quota = quotaOf();
    quota.tryPermit();
    const late = quota.permit(1, { timeout: 100, priority: "low" });
    const refused = expect(late).rejects.toThrow(DeadlineExceededError);
    callAll(quota, ["a", "b"]);
    await clock.advance(200);
    await refused;
    expect(quota.queued).toBe(0);
  });

  test("that is canceled in the tick in which it may go has spent nothing", async () => {
    const quota = quotaOf();
    const permit = quota.tryPermit();
    const context = root.withCancel();
    const waiting = quota.permit(1, { signal: context });
    const refused = expect(waiting).rejects.toThrow(CanceledError);
    const next = callAll(quota, ["next"]);
    permit?.refund(); // Lets it go
    context.cancel();
    await refused;
    await clock.advance(100);
    expect(next.passed).toEqual(["next@0"]);
  });

  test("with a signal that is aborted already is refused also when there is room", async () => {
    await expect(quotaOf().permit(1, { signal: AbortSignal.abort() })).rejects.toThrow(CanceledError);
  });

  test("is seen by hooks", async () => {
    const recorded = new RecordedHooks();
    const previous = installHooks(recorded);
    try {
      const quota = quotaOf({ name: "github" });
      quota.tryPermit();
      callAll(quota, ["next"]);
      await clock.advance(100);
    } finally {
      installHooks(previous);
    }
    expect(recorded.problems).toEqual([]);
    expect(recorded.events).toHaveLength(3);
  });
});

describe("misuse", () => {
  const refused: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });

  test.each([
    { limits: [] },
    { limits: "10/s" },
    { limits: [null] },
    { limits: [{ requests: 0, per: "1s" }] },
    { limits: [{ requests: -1, per: "1s" }] },
    { limits: [{ requests: 1.5, per: "1s" }] },
    { limits: [{ requests: 1, per: 0 }] },
    { limits: [{ requests: 1, per: 1e-9 }] },
    { limits: [{ requests: 1, per: Number.POSITIVE_INFINITY }] },
    { limits: [{ requests: 1, per: "1 s" }] },
    { limits: [{ requests: 1, per: "1s", burst: 0 }] },
    { maxQueue: -1 },
    { reserve: { critical: 1 } },
    { reserve: { critical: -0.1 } },
    { reserve: { critical: 0.5, high: 0.5 } },
    { reserve: { urgent: 0.5 } },
  ])("is refused when built: %j", (options) => {
    expect(() => quotaOf(options as unknown as Partial<QuotaOptions>)).toThrow(refused);
  });

  test("of a weight is refused, and one that exceeds a limit never fits", async () => {
    const quota = quotaOf();
    for (const weight of [0, -1, 1.5, Number.NaN]) {
      expect(() => quota.tryPermit(weight)).toThrow(refused);
      // oxlint-disable-next-line no-await-in-loop
      await expect(quota.permit(weight)).rejects.toEqual(refused);
    }
    await expect(quota.permit(11)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    expect(quota.tryPermit()).toBeDefined();
  });

  test("of options and of tasks is refused", async () => {
    const quota = quotaOf();
    await expect(quota.permit(1, { priority: "urgent" as "low" })).rejects.toEqual(refused);
    await expect(quota.permit(1, { timeout: "soon" as "1s" })).rejects.toEqual(refused);
    await expect(quota.run(42 as unknown as () => number)).rejects.toEqual(refused);
    expect(quota.tryPermit()).toBeDefined();
  });
});

// Who is refused when not all can be served: shares of the limit, the cut-off, and users whose requests share one fate.
import type { Priority, PriorityBand } from "snowshed";
import { Context, fixed, Limiter, Prioritizer } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { levelOf, levelsPerBand } from "../../src/overload/priority.ts";
import { drained, observe } from "../support/promises.ts";

const bands: readonly PriorityBand[] = ["critical", "high", "normal", "low"];

/** How many of a band get in, one after the other. */
function admitted(limiter: Limiter, priority?: Priority): number {
  let count = 0;
  while (limiter.tryAcquire({ priority }) !== undefined) count++;
  return count;
}

describe("the shares", () => {
  test.each<readonly [number, readonly number[]]>([
    [1, [1, 1, 1, 1]],
    [2, [2, 2, 2, 2]],
    [5, [5, 5, 5, 3]],
    [10, [10, 9, 9, 6]],
    [20, [20, 18, 18, 12]],
    [100, [100, 90, 90, 60]],
  ])("of a limit of %s are, rounded up, %j", (limit, expected) => {
    const rooms = bands.map((priority) =>
      admitted(new Limiter({ algorithm: fixed(limit), prioritizer: new Prioritizer() }), priority),
    );
    expect(rooms).toEqual(expected);
  });

  test("leave room for what is above, however much comes below", () => {
    const limiter = new Limiter({ algorithm: fixed(10), prioritizer: new Prioritizer() });
    const counts = (["low", "normal", "high", "critical"] as const).map((priority) => admitted(limiter, priority));
    expect(counts).toEqual([6, 3, 0, 1]);
  });

  test("are all of it for everyone without a prioritizer", () => {
    for (const priority of bands) expect(admitted(new Limiter({ algorithm: fixed(10) }), priority)).toBe(10);
  });

  test("are what was given, for those that were", () => {
    const prioritizer = new Prioritizer({ shares: { low: 0.1, normal: 0.5 } });
    const limiter = new Limiter({ algorithm: fixed(10), prioritizer });
    expect(["low", "normal", "high"].map((priority) => admitted(limiter, priority as Priority))).toEqual([1, 4, 4]);
    // 0.55 * 100 is a little more than 55 to a computer.
    const exact = new Limiter({ algorithm: fixed(100), prioritizer: new Prioritizer({ shares: { low: 0.55 } }) });
    expect(admitted(exact, "low")).toBe(55);
  });

  test("hold back the low in the queue, and nobody behind them", async () => {
    const limiter = new Limiter({ algorithm: fixed(5), maxQueue: 5, prioritizer: new Prioritizer() });
    const permits = Array.from({ length: 3 }, () => limiter.tryAcquire({ priority: "low" })!);
    const low = observe(limiter.acquire({ priority: "low" }));
    const high = limiter.tryAcquire({ priority: "high" });
    expect([high !== undefined, limiter.queued]).toEqual([true, 1]);
    permits[0]!.ignore();
    await drained();
    // Three are inside again: the share of the low.
    expect(low.outcome.status).toBe("pending");
    permits[1]!.ignore();
    await drained();
    expect([low.outcome.status, limiter.inflight]).toEqual(["fulfilled", 3]);
  });
});

describe("a user", () => {
  const date = Date.parse("2026-11-23T10:20:30Z");
  const users = Array.from({ length: 2000 }, (_, index) => `user-${index}`);

  test("has one place in its band for an hour, and another in the next", () => {
    for (const user of users) expect(levelOf(user, date)).toBe(levelOf(user, date + 39 * 60_000));
    const moved = users.filter((user) => levelOf(user, date) !== levelOf(user, date + 3_600_000));
    expect(moved.length).toBeGreaterThan(1900);
  });

  test("is as likely to stand anywhere", () => {
    const counts = Array.from({ length: levelsPerBand }, () => 0);
    for (const user of users) counts[levelOf(user, date)]!++;
    expect(Math.min(...counts)).toBeGreaterThan(0);
    // 15.6 expected; a fair draw goes beyond 36 once in 50,000 levels.
    expect(Math.max(...counts)).toBeLessThan(36);
    const early = users.filter((user) => levelOf(user, date) < 64);
    const earlyTwice = early.filter((user) => levelOf(user, date + 3_600_000) < 64);
    expect(Math.abs(earlyTwice.length / early.length - 0.5)).toBeLessThan(0.06);
  });
});

interface Traffic {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly users?: boolean;
}

interface Row {
  readonly cutoff: number;
  readonly offered: number;
  readonly served: number;
  /** Of each band, the share that was served. */
  readonly shares: readonly number[];
  /** Of the users that came at least 5 times, the share that were either always served or never. */
  readonly oneFate: number;
}

/** Ten at a time, each for 20 ms: 500 a second, all bands alike. */
async function simulate(phases: readonly Traffic[], withPrioritizer: boolean, maxQueue: 0 | "limit"): Promise<Row[]> {
  const clock = new FakeClock({ seed: 7 });
  const root = Context.root({ clock });
  const prioritizer = withPrioritizer ? new Prioritizer({ clock }) : undefined;
  const limiter = new Limiter({ algorithm: fixed(10), maxQueue, prioritizer, clock });
  const rows: Row[] = [];
  for (const { rate, seconds, users = false } of phases) {
    const fates = new Map<string, boolean[]>();
    const [offered, served] = [bands.map(() => 0), bands.map(() => 0)];
    const end = clock.now() + seconds * 1000;
    while (clock.now() < end) {
      const band = Math.floor(clock.random() * 4);
      const user = `user-${Math.floor(clock.random() * 200)}`;
      const priority = users ? { band: bands[band]!, user } : bands[band]!;
      const fate = fates.get(`${band}${user}`) ?? [];
      fates.set(`${band}${user}`, fate);
      offered[band]!++;
      limiter
        .run(() => root.sleep(20), { priority })
        .then(
          () => {
            served[band]!++;
            fate.push(true);
          },
          () => fate.push(false),
        );
      await clock.advance((-Math.log(1 - clock.random()) * 1000) / rate);
    }
    const often = [...fates.values()].filter((fate) => fate.length >= 5);
    const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
    rows.push({
      cutoff: prioritizer?.cutoff ?? 1,
      offered: sum(offered),
      served: sum(served),
      shares: served.map((count, band) => count / offered[band]!),
      oneFate: often.filter((fate) => fate.every((each) => each === fate[0])).length / often.length,
    });
  }
  await clock.advance("10s");
  return rows;
}

const calm: Traffic = { rate: 200, seconds: 2 };
const storm: Traffic = { rate: 1500, seconds: 3 };

describe("the cut-off", { timeout: 30_000 }, () => {
  test.each<0 | "limit">([0, "limit"])(
    "falls in overload, and rises again within two seconds; maxQueue %s",
    async (maxQueue) => {
      const [before, , during, recovering, after] = await simulate(
        [calm, { ...storm, seconds: 1 }, storm, calm, calm],
        true,
        maxQueue,
      );
      expect(before).toMatchObject({ cutoff: 1 });
      expect(during!.cutoff).toBeLessThan(0.75);
      expect(during!.cutoff).toBeGreaterThan(0.2);
      expect(recovering!.cutoff).toBe(1);
      expect(after!.cutoff).toBe(1);
    },
  );

  test("serves the critical first, and hardly fewer in all", async () => {
    const [, with_] = await simulate([storm, storm], true, "limit");
    const [, without] = await simulate([storm, storm], false, 0);
    expect(with_!.shares[0]).toBeGreaterThan(0.95);
    expect(with_!.shares[3]).toBeLessThan(0.02);
    expect(with_!.served).toBeGreaterThan(0.85 * 500 * 3);
    // The control: with neither prioritizer nor queue all bands fare alike.
    expect(Math.max(...without!.shares) - Math.min(...without!.shares)).toBeLessThan(0.1);
  });

  test("gives the requests of a user one fate", async () => {
    const [, with_] = await simulate([storm, { ...storm, users: true }], true, "limit");
    const [, without] = await simulate([storm, { ...storm, users: true }], false, 0);
    expect(with_!.oneFate).toBeGreaterThan(0.7);
    expect(without!.oneFate).toBeLessThan(0.35);
  });

  test("is shared by the limiters that were given it", async () => {
    const clock = new FakeClock();
    const prioritizer = new Prioritizer({ clock });
    const [full, idle] = [1, 100].map((limit) => new Limiter({ algorithm: fixed(limit), prioritizer, clock }));
    full!.tryAcquire();
    for (let round = 0; round < 200; round++) {
      full!.tryAcquire({ priority: bands[round % 4]! });
      await clock.advance(5);
    }
    expect(prioritizer.cutoff).toBeLessThan(0.15);
    expect(idle!.tryAcquire({ priority: "low" })).toBeUndefined();
    expect(String(idle!.refusal())).toBe("SnowshedError: refused at the limit 100: its priority is cut off");
    expect(idle!.shed).toBe(1);
  });

  test("never falls so far that nobody could show that it is over, and is forgotten after a pause", async () => {
    const clock = new FakeClock();
    const prioritizer = new Prioritizer({ clock });
    const limiter = new Limiter({ algorithm: fixed(1), prioritizer, clock });
    const permit = limiter.tryAcquire()!;
    for (let round = 0; round < 2000; round++) {
      limiter.tryAcquire({ priority: { band: "critical", user: `user-${round}` } });
      await clock.advance(5);
    }
    expect(prioritizer.cutoff).toBeGreaterThan(0);
    permit.ignore();
    await clock.advance("1m");
    limiter.tryAcquire({ priority: "low" })!.ignore();
    expect(prioritizer.cutoff).toBe(1);
  });

  test("falls by half at the most with each window, and not below the first level", async () => {
    const clock = new FakeClock();
    const prioritizer = new Prioritizer({ clock });
    const limiter = new Limiter({ algorithm: fixed(1), prioritizer, clock });
    limiter.tryAcquire();
    const cutoffs: number[] = [];
    for (let round = 0; round < 3000; round++) {
      limiter.tryAcquire({ priority: bands[round % 4]! });
      await clock.advance(1);
      if (prioritizer.cutoff !== cutoffs.at(-1)) cutoffs.push(prioritizer.cutoff);
    }
    // All are refused: of 250 the first half pass, then a quarter.
    for (const [index, cutoff] of cutoffs.slice(1, 4).entries()) {
      expect(Math.abs(cutoff - 0.5 ** (index + 1))).toBeLessThan(0.06);
    }
    expect(Math.min(...cutoffs)).toBeGreaterThan(0);
  });

  test("does not shut out a user that sends nearly everything", async () => {
    const clock = new FakeClock();
    const limiter = new Limiter({ algorithm: fixed(1), prioritizer: new Prioritizer({ clock }), clock });
    const priority: Priority = { band: "normal", user: "the only tenant" };
    let served = 0;
    for (let round = 0; round < 1000; round++) {
      // One of five can be served.
      const permits = [1, 2, 3, 4, 5].map(() => limiter.tryAcquire({ priority }));
      served += permits.filter((permit) => permit !== undefined).length;
      for (const permit of permits) permit?.success();
      await clock.advance(10);
    }
    expect(served).toBe(1000);
  });

  test("does not move for the few: a burst at ordinary load cuts nobody off", async () => {
    const clock = new FakeClock();
    const prioritizer = new Prioritizer({ clock });
    const limiter = new Limiter({ algorithm: fixed(2), prioritizer, clock });
    for (let round = 0; round < 100; round++) {
      const permits = [1, 2, 3].map(() => limiter.tryAcquire());
      for (const permit of permits) permit?.success();
      await clock.advance(30);
    }
    expect([prioritizer.cutoff, limiter.shed]).toEqual([1, 100]);
  });

  test("cut off is refused also where a queue has room, without waiting", async () => {
    const clock = new FakeClock();
    const prioritizer = new Prioritizer({ clock });
    const full = new Limiter({ algorithm: fixed(1), prioritizer, clock });
    full.tryAcquire();
    for (let round = 0; round < 400; round++) {
      full.tryAcquire({ priority: bands[round % 4]! });
      await clock.advance(5);
    }
    const queueing = new Limiter({ algorithm: fixed(1), maxQueue: 5, prioritizer, clock });
    const refused = observe(queueing.acquire({ priority: "low" }));
    await drained();
    expect(refused.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_LIMIT_EXCEEDED" } });
    expect([queueing.queued, queueing.inflight]).toEqual([0, 0]);
  });
});

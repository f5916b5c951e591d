// Waiting for a place: in which order, for how long, and what ends it.
import { getEventListeners } from "node:events";
import type { Context, LimiterAcquireOptions, LimiterOptions, LimitPermit, Priority, SnowshedError } from "snowshed";
import { fixed, Limiter } from "snowshed";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { drained, observe } from "../support/promises.ts";
import { ScriptedLimit } from "../support/scripted-limit.ts";

useFakeTime();

const patient = { target: Number.POSITIVE_INFINITY } as const;

/** A limiter with one place, and what becomes of those who come to it. */
class Door {
  readonly limiter: Limiter;
  readonly log: string[] = [];
  readonly permits: LimitPermit[] = [];

  constructor(options: LimiterOptions) {
    this.limiter = new Limiter({ algorithm: fixed(1), clock, ...options });
  }

  come(name: string, options: LimiterAcquireOptions = {}): void {
    this.limiter.acquire(options).then(
      (permit) => {
        this.permits.push(permit);
        this.log.push(`${name} in`);
      },
      (error: unknown) => this.log.push(`${name} ${(error as SnowshedError).code.replace("SNOWSHED_", "")}`),
    );
  }

  /** Those with these names, one a millisecond. */
  async arrive(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.come(name);
      await clock.advance(1);
    }
  }

  /** The first of those inside leaves. */
  async leave(end: (permit: LimitPermit) => void = (permit) => permit.ignore()): Promise<void> {
    await drained();
    end(this.permits.shift()!);
    await drained();
  }

  async empty(): Promise<void> {
    for (await drained(); this.permits.length > 0;) await this.leave();
  }
}

describe("the queue", () => {
  test("is served in the order they came, one for each place that is given back", async () => {
    const door = new Door({ maxQueue: 3, queue: patient });
    await door.arrive("a", "b", "c", "d");
    expect([door.limiter.inflight, door.limiter.queued]).toEqual([1, 3]);
    await door.leave((permit) => permit.success());
    await door.leave((permit) => permit.dropped());
    await door.leave();
    expect(door.log).toEqual(["a in", "b in", "c in", "d in"]);
    await door.empty();
    expect([door.limiter.inflight, door.limiter.queued, door.limiter.accepted, door.limiter.shed]).toEqual([
      0, 0, 4, 0,
    ]);
  });

  test("takes as many as it may, and refuses the rest at once", async () => {
    const door = new Door({ maxQueue: 2 });
    for (const name of ["a", "b", "c", "d", "e"]) door.come(name);
    await drained();
    expect(door.log.toSorted()).toEqual(["a in", "d LIMIT_EXCEEDED", "e LIMIT_EXCEEDED"]);
    expect([door.limiter.queued, door.limiter.shed]).toEqual([2, 2]);
    await door.empty();
    expect(door.limiter.accepted).toBe(3);
  });

  test('of "limit" is as long as the limit is high, and follows it', async () => {
    const algorithm = new ScriptedLimit(2);
    const door = new Door({ algorithm, maxQueue: "limit", queue: patient });
    await door.arrive("a", "b", "c", "d", "e");
    expect([door.limiter.queued, door.log.at(-1)]).toEqual([2, "e LIMIT_EXCEEDED"]);
    algorithm.next = 1;
    await door.leave((permit) => permit.success());
    // Those who wait already keep their place in it; c has to wait for b, since one is enough now.
    await door.arrive("f");
    expect([door.limiter.inflight, door.limiter.queued, door.log.at(-1)]).toEqual([1, 2, "f LIMIT_EXCEEDED"]);
    await door.leave();
    await door.arrive("g");
    expect([door.limiter.queued, door.log.at(-1)]).toEqual([1, "g LIMIT_EXCEEDED"]);
    await door.empty();
  });

  test("is let in when the limit grows, as far as it does", async () => {
    const algorithm = new ScriptedLimit(1);
    const door = new Door({ algorithm, maxQueue: 5, queue: patient });
    await door.arrive("a", "b", "c", "d", "e");
    algorithm.next = 3;
    await door.leave((permit) => permit.success());
    expect([door.log, door.limiter.inflight]).toEqual([["a in", "b in", "c in", "d in"], 3]);
    await door.empty();
  });

  test("is not passed by: a place that is given back goes to who waits", async () => {
    const door = new Door({ maxQueue: 1, queue: patient });
    await door.arrive("a", "b");
    door.permits.shift()!.ignore();
    expect([door.limiter.tryAcquire(), door.limiter.inflight]).toEqual([undefined, 1]);
    door.come("newcomer");
    await drained();
    expect(door.log).toEqual(["a in", "b in"]);
    await door.empty();
    expect(door.log).toEqual(["a in", "b in", "newcomer in"]);
  });

  test("lets tasks of run() begin in order, in the caller's own asynchronous context", async () => {
    const limiter = new Limiter({ algorithm: fixed(2), maxQueue: 10, queue: patient, clock });
    const began: number[] = [];
    const all = Promise.all(
      [0, 1, 2, 3, 4, 5].map((index) =>
        limiter.run(async () => {
          began.push(index);
          await root.sleep(10 - index);
        }),
      ),
    );
    await clock.advance(100);
    await all;
    expect([began, limiter.inflight, limiter.queued]).toEqual([[0, 1, 2, 3, 4, 5], 0, 0]);
  });
});

describe("a wait is over", () => {
  test.each<readonly [string, () => { readonly signal: AbortSignal | Context; readonly cancel: () => void }]>([
    [
      "a Context",
      () => {
        const context = root.withCancel();
        return { signal: context, cancel: () => context.cancel() };
      },
    ],
    [
      "an AbortSignal",
      () => {
        const controller = new AbortController();
        return { signal: controller.signal, cancel: () => controller.abort() };
      },
    ],
  ])("at once when its signal aborts, and the next in line is not stranded: %s", async (_kind, make) => {
    const door = new Door({ maxQueue: 3 });
    const { signal, cancel } = make();
    door.come("a");
    door.come("b", { signal });
    door.come("c");
    cancel();
    expect(door.limiter.queued).toBe(1);
    await drained();
    expect(door.log).toEqual(["a in", "b CANCELED"]);
    await door.leave();
    expect(door.log).toEqual(["a in", "b CANCELED", "c in"]);
    await door.empty();
    expect([door.limiter.inflight, door.limiter.shed]).toEqual([0, 0]);
    if (signal instanceof AbortSignal) expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("after maxWait, by the limiter's clock and with its timer gone", async () => {
    const door = new Door({ maxQueue: 3, queue: patient });
    door.come("a");
    door.come("b", { maxWait: "50ms" });
    door.come("c", { maxWait: 200 });
    await clock.advance(49);
    expect(door.log).toEqual(["a in"]);
    await clock.advance(1);
    expect(door.log).toEqual(["a in", "b LIMIT_EXCEEDED"]);
    await door.leave();
    expect([door.log.at(-1), clock.pending, door.limiter.shed]).toEqual(["c in", 0, 1]);
    await door.empty();
  });

  test.each([0, -1])("before it began when maxWait is %s", async (maxWait) => {
    const door = new Door({ maxQueue: 3 });
    door.come("a", { maxWait });
    door.come("b", { maxWait });
    await drained();
    expect([door.log, door.limiter.queued]).toEqual([["a in", "b LIMIT_EXCEEDED"], 0]);
    await door.empty();
  });

  test("with the deadline of its context", async () => {
    const door = new Door({ maxQueue: 3, queue: patient });
    door.come("a");
    door.come("b", { signal: root.withTimeout(30) });
    await clock.advance(30);
    expect(door.log).toEqual(["a in", "b DEADLINE_EXCEEDED"]);
    await door.empty();
  });

  test("also if it was admitted and aborted in the same tick: its place goes on, and is no sample", async () => {
    const algorithm = new ScriptedLimit(1);
    const door = new Door({ algorithm, maxQueue: 3 });
    const context = root.withCancel();
    door.come("a");
    door.come("b", { signal: context });
    door.come("c");
    await drained();
    door.permits.shift()!.ignore();
    context.cancel();
    await drained();
    expect(door.log).toEqual(["a in", "b CANCELED", "c in"]);
    expect([door.limiter.inflight, algorithm.samples.length, door.limiter.accepted]).toEqual([1, 0, 2]);
    await door.empty();
    expect(door.limiter.inflight).toBe(0);
  });

  test("for a whole scope at once, although each that is admitted is canceled, too", async () => {
    const door = new Door({ maxQueue: 50, queue: patient });
    const context = root.withCancel();
    door.come("a");
    for (let index = 0; index < 20; index++) door.come("b", { signal: index === 10 ? root : context });
    await drained();
    door.permits.shift()!.ignore();
    context.cancel();
    await drained();
    expect(door.log.filter((line) => line === "b in")).toHaveLength(1);
    expect([door.limiter.inflight, door.limiter.queued]).toEqual([1, 0]);
    await door.empty();
  });
});

describe("a queue over target", () => {
  /** Brings the queue over target: b, c and d have waited since 1, 2 and 3 ms, and it is 125 ms. */
  async function overloaded(): Promise<Door> {
    const door = new Door({ maxQueue: 10 });
    await door.arrive("a", "b", "c", "d");
    await clock.advance(21);
    door.come("e"); // 25 ms: the first to see that b has waited over 20 ms
    await clock.advance(100);
    return door;
  }

  test("is one in which the oldest was found over target for a whole interval; a moment earlier nothing happens", async () => {
    const door = new Door({ maxQueue: 10 });
    await door.arrive("a", "b", "c", "d");
    await clock.advance(21);
    door.come("e");
    await clock.advance(99);
    door.come("f");
    await drained();
    expect([door.log, door.limiter.queued]).toEqual([["a in"], 5]);
    await door.leave();
    expect(door.log).toEqual(["a in", "b in"]);
    await door.empty();
    expect(door.log).toEqual(["a in", "b in", "c in", "d in", "e in", "f in"]);
  });

  test("sheds all who waited over target, with the error of the limit", async () => {
    const door = await overloaded();
    door.come("f");
    await drained();
    expect(door.log).toEqual(["a in", ...["b", "c", "d", "e"].map((name) => `${name} LIMIT_EXCEEDED`)]);
    expect([door.limiter.queued, door.limiter.shed]).toEqual([1, 4]);
    await door.empty();
  });

  test("serves the newest first", async () => {
    const door = await overloaded();
    await door.arrive("f", "g", "h");
    door.log.length = 0;
    await door.empty();
    expect(door.log).toEqual(["h in", "g in", "f in"]);
  });

  test("serves the newest even if it is late itself: better than nobody", async () => {
    const door = await overloaded();
    await door.leave();
    expect(door.log).toEqual(["a in", "e in", "b LIMIT_EXCEEDED", "c LIMIT_EXCEEDED", "d LIMIT_EXCEEDED"]);
    await door.empty();
  });

  test("keeps so while somebody is over target at least once in an interval", async () => {
    const door = await overloaded();
    for (let round = 0; round < 5; round++) {
      await door.arrive(`f${round}`, `g${round}`);
      await clock.advance(90);
    }
    door.log.length = 0;
    await door.arrive("h", "i");
    await door.empty();
    expect(door.log).toEqual(["f4 LIMIT_EXCEEDED", "g4 LIMIT_EXCEEDED", "i in", "h in"]);
  });

  test("is first come, first served again when nobody was over target for an interval", async () => {
    const door = await overloaded();
    door.come("f");
    for (let round = 0; round < 11; round++) {
      await clock.advance(10);
      await door.leave();
      door.come(`g${round}`);
      if (round > 8) door.come(`h${round}`);
    }
    await drained();
    door.log.length = 0;
    await door.arrive("x", "y");
    await door.empty();
    expect(door.log).toEqual(["h9 in", "g10 in", "h10 in", "x in", "y in"]);
  });

  test("is forgotten after a pause", async () => {
    const door = await overloaded();
    await door.empty();
    await clock.advance("1s");
    door.log.length = 0;
    await door.arrive("f", "g", "h");
    await door.empty();
    expect(door.log).toEqual(["f in", "g in", "h in"]);
  });

  test("is never one whose queue gets short in between", async () => {
    const door = new Door({ maxQueue: 10 });
    for (let round = 0; round < 20; round++) {
      await door.arrive("a", "b", "c");
      await clock.advance(25);
      await door.empty();
    }
    expect([door.limiter.shed, door.log.length]).toEqual([0, 60]);
    expect(door.log.join(" ")).toBe(Array.from({ length: 20 }, () => "a in b in c in").join(" "));
  });

  test("has the target and the interval that it was given", async () => {
    const door = new Door({ maxQueue: 10, queue: { target: "5ms", interval: 10 } });
    await door.arrive("a", "b");
    await clock.advance(6);
    door.come("c");
    await clock.advance(10);
    door.come("d");
    await drained();
    expect(door.log).toEqual(["a in", "b LIMIT_EXCEEDED", "c LIMIT_EXCEEDED"]);
    await door.empty();
  });

  test("has no timer: with nobody coming or going nobody is shed", async () => {
    const door = await overloaded();
    await clock.advance("1h");
    expect([door.log, door.limiter.queued, clock.pending]).toEqual([["a in"], 4, 0]);
    await door.empty();
  });
});

describe("priorities in the queue", () => {
  const priorities: readonly Priority[] = ["low", "normal", { band: "critical", user: "ada" }, "high", "critical"];
  const name = (priority: Priority): string => (typeof priority === "string" ? priority : `${priority.band} (user)`);

  test("a higher one goes first, equals in order", async () => {
    const door = new Door({ maxQueue: 10, queue: patient });
    door.come("first");
    for (const priority of priorities) door.come(name(priority), { priority });
    door.come("unnamed");
    await door.empty();
    expect(door.log).toEqual(
      ["first", "critical (user)", "critical", "high", "normal", "unnamed", "low"].map((each) => `${each} in`),
    );
  });

  test("a full queue makes room for a higher one, at the cost of who would be last", async () => {
    const door = new Door({ maxQueue: 3, queue: patient });
    door.come("first");
    for (const priority of ["normal", "low", "low"] as const) door.come(priority, { priority });
    door.come("low again", { priority: "low" });
    door.come("high", { priority: "high" });
    door.come("critical", { priority: "critical" });
    door.come("normal again", { priority: "normal" });
    expect(door.limiter.queued).toBe(3);
    await drained();
    expect(door.log.toSorted()).toEqual([
      "first in",
      "low LIMIT_EXCEEDED",
      "low LIMIT_EXCEEDED",
      "low again LIMIT_EXCEEDED",
      "normal again LIMIT_EXCEEDED",
    ]);
    await door.empty();
    expect(door.log.slice(-3)).toEqual(["critical in", "high in", "normal in"]);
    expect(door.limiter.shed).toBe(4);
  });

  test("the low are over target on their own: the others are served as ever", async () => {
    const door = new Door({ maxQueue: 10 });
    door.come("first");
    door.come("low", { priority: "low" });
    await clock.advance(21);
    door.come("other low", { priority: "low" });
    await clock.advance(100);
    for (const each of ["x", "y"]) door.come(each, { priority: "high" });
    await door.empty();
    expect(door.log).toEqual(["first in", "low LIMIT_EXCEEDED", "other low LIMIT_EXCEEDED", "x in", "y in"]);
  });
});

describe("without a target given", () => {
  /** How long the first of those who wait stays, while nothing ends but what an endless stream of others takes. */
  async function toleranceOf(options: LimiterOptions, usual: number, how: "success" | "dropped" = "success") {
    return (await overloaded(options, usual, how)).waited;
  }

  /** The same, with how many are left when the first are shed, if one comes `every` so many milliseconds. */
  async function overloaded(options: LimiterOptions, usual: number, how: "success" | "dropped", every = 1) {
    const door = new Door({ maxQueue: 100, ...options });
    for (let past = 0; past < 3; past++) {
      door.come("past");
      await clock.advance(usual);
      await door.leave((permit) => permit[how]());
    }
    door.come("inside");
    const start = clock.now();
    while (!door.log.some((line) => line.endsWith("EXCEEDED"))) {
      door.come("waiter");
      await clock.advance(every);
      if (clock.now() - start > 5000) throw new Error("nobody is shed");
    }
    const waited = clock.now() - start;
    const left = door.limiter.queued;
    await door.empty();
    return { waited, left };
  }
  const crowded = { maxQueue: 10_000 };

  test("what is too long a wait is twice what work takes, from 20 to 100 ms, over five times that", async () => {
    for (const [usual, target] of [
      [1, 20],
      [10, 20],
      [30, 60],
      [400, 100],
    ] as const) {
      // The oldest is over target for an interval.
      expect(await toleranceOf(crowded, usual)).toBeCloseTo(6 * target, -1);
    }
  });

  test("once it was too long, nobody is refused later than after 40 ms, but ten are always left", async () => {
    const ofMany = await overloaded(crowded, 400, "success");
    expect(ofMany.left).toBeCloseTo(40, -1);
    const ofSome = await overloaded(crowded, 400, "success", 7);
    expect(ofSome.left).toBe(11);
    const ofFew = await overloaded(crowded, 400, "success", 20);
    expect(ofFew.left).toBe(6);
    const given = await overloaded({ ...crowded, queue: { target: 100, interval: 500 } }, 400, "success");
    expect(given.left).toBeCloseTo(100, -1);
  });

  test("one that is given is taken as it is, and what was dropped tells nothing", async () => {
    expect(await toleranceOf({ ...crowded, queue: { target: 20, interval: 100 } }, 400)).toBeCloseTo(120, -1);
    expect(await toleranceOf({ ...crowded, queue: { interval: 50 } }, 400)).toBeCloseTo(150, -1);
    expect(await toleranceOf(crowded, 400, "dropped")).toBeCloseTo(120, -1);
  });
});

describe("what the pipeline and the adapters use", () => {
  test("enter(), wait() and leave() are the same door", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 1, clock });
    expect(limiter.enter(0)).toBe(true);
    expect(limiter.enter(0)).toBe(false);
    const waiting = observe(limiter.wait(0, null, Number.POSITIVE_INFINITY));
    expect([limiter.enter(0), limiter.queued, limiter.shed]).toEqual([false, 1, 1]);
    const refused = observe(limiter.wait(0, null, Number.POSITIVE_INFINITY));
    limiter.leave(0, "success", 5);
    await drained();
    expect([waiting.outcome.status, refused.outcome.status, limiter.inflight]).toEqual(["fulfilled", "rejected", 1]);
    expect(limiter.refusal()).toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
    limiter.leave(5, "ignore", 6);
    expect([limiter.inflight, limiter.accepted, limiter.shed]).toEqual([0, 2, 1]);
  });

  test("mayWait() tells whether wait() would queue it, and sheds those who are late for it", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 2, clock });
    limiter.enter(0);
    const waits = [0, 20].map((at) => {
      limiter.enter(at);
      expect(limiter.mayWait(at)).toBe(true);
      return observe(limiter.wait(at, null, Number.POSITIVE_INFINITY));
    });
    limiter.enter(21);
    expect([limiter.mayWait(21), limiter.mayWait(21, "high"), limiter.mayWait(120), limiter.queued]).toEqual([
      false,
      true,
      false,
      2,
    ]);
    expect([limiter.mayWait(121), limiter.queued, limiter.shed]).toEqual([true, 0, 3]);
    await drained();
    expect(waits.map((each) => each.outcome.status)).toEqual(["rejected", "rejected"]);
    expect(new Limiter({ algorithm: fixed(1) }).mayWait(0)).toBe(false);
  });

  test("wait() takes a place that has become free meanwhile, since nothing would wake it", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 1, clock });
    limiter.enter(0);
    limiter.enter(0);
    limiter.leave(0, "success", 5);
    await limiter.wait(5, null, Number.POSITIVE_INFINITY);
    expect([limiter.inflight, limiter.queued, limiter.accepted, limiter.shed]).toEqual([1, 0, 2, 0]);
  });
});

// Admission, places and what becomes of them; waiting is in limiter-queue.test.ts.
import type { Clock, LimitPermit } from "snowshed";
import { CanceledError, Context, DeadlineExceededError, fixed, gradient, Limiter, TransientError } from "snowshed";
import { describe, expect, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";
import { ScriptedLimit } from "../support/scripted-limit.ts";

useFakeTime();

/** Takes all there is. */
function fill(limiter: Limiter): LimitPermit[] {
  const permits: LimitPermit[] = [];
  for (let permit = limiter.tryAcquire(); permit !== undefined; permit = limiter.tryAcquire()) permits.push(permit);
  return permits;
}

describe("admission", () => {
  test("is for as many as the limit, rounded down", () => {
    const limiter = new Limiter({ algorithm: new ScriptedLimit(3.9) });
    expect(limiter.limit).toBe(3);
    expect(fill(limiter)).toHaveLength(3);
    expect([limiter.inflight, limiter.accepted, limiter.shed]).toEqual([3, 3, 1]);
  });

  test.each([0, 0.5, -7, Number.NaN])("lets one through when the algorithm says %s", (limit) => {
    expect(fill(new Limiter({ algorithm: new ScriptedLimit(limit) }))).toHaveLength(1);
  });

  test("is by the gradient algorithm unless another is given", () => {
    expect(new Limiter().limit).toBe(Math.floor(gradient().limit));
  });

  test("goes on when a place is given back, however often", () => {
    const limiter = new Limiter({ algorithm: fixed(1) });
    for (let round = 0; round < 100; round++) {
      const permit = limiter.tryAcquire();
      expect(limiter.tryAcquire()).toBeUndefined();
      permit!.success();
    }
    expect([limiter.inflight, limiter.accepted, limiter.shed]).toEqual([0, 100, 100]);
  });

  test("waits for a fallen limit, which takes nothing from those in flight", () => {
    const algorithm = new ScriptedLimit(4);
    const limiter = new Limiter({ algorithm, clock });
    const [first, ...others] = fill(limiter);
    algorithm.next = 2;
    first!.success();
    expect([limiter.limit, limiter.inflight, limiter.tryAcquire()]).toEqual([2, 3, undefined]);
    others[0]!.ignore();
    expect(limiter.tryAcquire()).toBeUndefined();
    others[1]!.ignore();
    expect(limiter.tryAcquire()).toBeDefined();
    expect(limiter.inflight).toBe(2);
  });

  test("of acquire() without a queue is now or never", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), name: "search" });
    using permit = await limiter.acquire();
    const refused = await outcome(limiter.acquire({ maxWait: "1h" }));
    expect(permit).toBeDefined();
    expect(refused).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_LIMIT_EXCEEDED" } });
    expect(String((refused as { readonly reason: unknown }).reason)).toBe(
      'SnowshedError: refused at the limit 1 of "search": 1 in flight, 0 queued',
    );
  });

  test.each([
    ["a Context", (): Context => Context.from(AbortSignal.abort("gone"))],
    ["an AbortSignal", (): AbortSignal => AbortSignal.abort("gone")],
  ])("is refused by an aborted signal, also when there is room: %s", async (_kind, make) => {
    const limiter = new Limiter({ algorithm: fixed(1) });
    let ran = false;
    const signal = make();
    const attempts: Promise<unknown>[] = [limiter.acquire({ signal }), limiter.run(() => (ran = true), { signal })];
    const refused = { status: "rejected", reason: { code: "SNOWSHED_CANCELED", cause: "gone" } };
    expect(await Promise.all(attempts.map((attempt) => outcome(attempt)))).toMatchObject([refused, refused]);
    expect([ran, limiter.inflight, limiter.accepted, limiter.shed]).toEqual([false, 0, 0, 0]);
  });
});

describe("a permit", () => {
  test.each<readonly [string, (permit: LimitPermit) => void, readonly boolean[]]>([
    ["success() is a sample", (permit) => permit.success(), [false]],
    ["dropped() is a sample of overload", (permit) => permit.dropped(), [true]],
    ["ignore() is none", (permit) => permit.ignore(), []],
    ["the end of its block is none", (permit) => permit[Symbol.dispose](), []],
    [
      "only the first counts",
      (permit) => {
        permit.success();
        permit.dropped();
        permit.ignore();
        permit[Symbol.dispose]();
      },
      [false],
    ],
    [
      "only the first counts, also when it was the end of the block",
      (permit) => {
        permit[Symbol.dispose]();
        permit.dropped();
      },
      [],
    ],
  ])("%s", (_name, end, drops) => {
    const algorithm = new ScriptedLimit(2);
    const limiter = new Limiter({ algorithm, clock });
    const [permit] = fill(limiter);
    end(permit!);
    expect(algorithm.samples.map(({ dropped }) => dropped)).toEqual(drops);
    // Its place is free once, and that of the other is still taken.
    expect([limiter.inflight, limiter.dropped]).toEqual([1, drops.filter(Boolean).length]);
  });

  test("tells how long the work took, when it ended, and how many were in flight", async () => {
    const algorithm = new ScriptedLimit(3);
    const limiter = new Limiter({ algorithm, clock });
    await clock.advance(5);
    const first = limiter.tryAcquire();
    await clock.advance(10);
    const second = limiter.tryAcquire();
    await clock.advance(20);
    first!.success();
    await clock.advance(1);
    second!.dropped();
    expect(algorithm.samples).toEqual([
      { latency: 30, inflight: 2, dropped: false, at: 35 },
      { latency: 21, inflight: 1, dropped: true, at: 36 },
    ]);
  });

  test("never tells a negative latency, should a clock go back", () => {
    const algorithm = new ScriptedLimit(1);
    let now = 100;
    const backwards: Clock = { date: () => 0, random: () => 0, now: () => now, setTimeout: () => () => {} };
    const limiter = new Limiter({ algorithm, clock: backwards });
    const permit = limiter.tryAcquire();
    now = 40;
    permit!.success();
    expect(algorithm.samples[0]!.latency).toBe(0);
  });
});

describe("run()", () => {
  const late = new DeadlineExceededError();
  test.each<readonly [string, () => unknown, readonly boolean[]]>([
    ["a value", () => 1, [false]],
    ["a promise", () => Promise.resolve("a"), [false]],
    ["a returned 503", () => ({ status: 503, headers: {} }), [true]],
    ["a timeout", () => Promise.reject(late), [true]],
    ["a returned 404", () => ({ status: 404, headers: {} }), []],
    ["a cancellation", () => Promise.reject(new CanceledError()), []],
    ["a bug", () => Promise.reject(new TypeError("undefined is not a function")), []],
    ["an error that nobody can name", () => Promise.reject(new Error("failed")), []],
    ["a failure that may pass", () => Promise.reject(new TransientError("try again")), []],
    ["a synchronous throw", () => void JSON.parse("{"), []],
    ["a thrown undefined", () => Promise.reject(undefined), []],
  ])("settles as the task does, and judges it: %s", async (_name, task, drops) => {
    const algorithm = new ScriptedLimit(1);
    const limiter = new Limiter({ algorithm, clock });
    const direct = await outcome((async () => task())());
    const through = await outcome(limiter.run(task));
    expect(through.status).toBe(direct.status);
    expect(algorithm.samples.map(({ dropped }) => dropped)).toEqual(drops);
    expect(limiter.inflight).toBe(0);
  });

  test("begins before it returns when there is room", async () => {
    const limiter = new Limiter({ algorithm: fixed(1) });
    let began = false;
    const running = limiter.run(() => {
      began = true;
    });
    expect(began).toBe(true);
    await running;
  });

  test("gives the task the context of the caller, in the limiter's clock", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const context = root.withCancel();
    expect(await limiter.run((given) => given, { signal: context })).toBe(context);
    const given = await limiter.run((context) => context);
    const foreign = await limiter.run((context) => context, { signal: new AbortController().signal });
    const started = clock.now();
    const slept = Promise.all([given.sleep(7), foreign.sleep(9)]);
    await clock.advance(9);
    await slept;
    expect(clock.now() - started).toBe(9);
  });

  test("measures from admission to the end of the work: the wait is no part of it", async () => {
    const algorithm = new ScriptedLimit(1);
    const limiter = new Limiter({ algorithm, clock, maxQueue: 1, queue: { target: "1h" } });
    const work = (): Promise<void> => root.sleep(30);
    const both = Promise.all([limiter.run(work), limiter.run(work)]);
    await clock.advance(60);
    await both;
    expect(algorithm.samples.map(({ latency }) => latency)).toEqual([30, 30]);
  });

  test("holds the place until the work has ended, not until the caller is tired of it", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const gate = deferred();
    const context = root.withCancel();
    const running = observe(limiter.run(() => gate.promise, { signal: context }));
    context.cancel();
    await drained();
    expect([running.outcome.status, limiter.inflight, limiter.tryAcquire()]).toEqual(["pending", 1, undefined]);
    gate.resolve();
    await drained();
    expect([running.outcome.status, limiter.inflight]).toEqual(["fulfilled", 0]);
  });

  test.each<readonly [string, () => unknown]>([
    ["of a value", () => 1],
    ["of a failure", () => Promise.reject(new Error("failed"))],
  ])("says that the classifier failed, and loses no place: %s", async (_of, task) => {
    const broken = new Error("broken rule");
    const classify = (): never => {
      throw broken;
    };
    const limiter = new Limiter({ algorithm: fixed(1), classify });
    const ended = await outcome(limiter.run(task));
    expect(ended).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_CLASSIFIER_FAILED" } });
    expect(limiter.inflight).toBe(0);
  });

  test("judges by the classifier it was given", async () => {
    const algorithm = new ScriptedLimit(1);
    const limiter = new Limiter({ algorithm, classify: (value) => (value === "busy" ? "overload" : "ok") });
    await limiter.run(() => "busy");
    await limiter.run(() => "done");
    expect(algorithm.samples.map(({ dropped }) => dropped)).toEqual([true, false]);
  });

  test("strands nobody when the algorithm throws", async () => {
    const algorithm = {
      limit: 1,
      sample: () => {
        throw new Error("broken algorithm");
      },
    };
    const limiter = new Limiter({ algorithm, maxQueue: 1 });
    const [first, second] = [limiter.run(() => 1), limiter.run(() => 2)].map((each) => observe(each));
    await drained();
    expect([first!.outcome.status, second!.outcome.status, limiter.inflight]).toEqual(["rejected", "rejected", 0]);
    expect(limiter.accepted).toBe(2);
  });
});

describe("a watcher", () => {
  test("learns of the limiter, its places and its waits", async () => {
    const recorded = new RecordedHooks();
    installHooks(recorded);
    try {
      const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 2, name: "api", clock });
      const context = root.withCancel();
      const gate = deferred();
      const all = [
        limiter.run(() => gate.promise),
        limiter.run(() => {}, { signal: context }),
        limiter.run(() => {}),
      ].map((each) => observe(each));
      context.cancel();
      gate.resolve();
      await drained();
      expect(all.map((each) => each.outcome.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(recorded.open).toEqual([]);
      expect(recorded.events).toEqual([
        "resourceCreated limiter api 1",
        "acquired api 1",
        "blocked api 1",
        "blocked api 1",
        "unblocked api false",
        "released api 1",
        "unblocked api true",
        "acquired api 1",
        "released api 1",
      ]);
    } finally {
      installHooks(null);
    }
  });
});

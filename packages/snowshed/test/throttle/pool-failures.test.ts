// Code of the user that throws, hangs, answers late, or answers what it must not: no place is lost, and the next in line
// is served.
import { DeadlineExceededError } from "snowshed";
import { describe, expect, test } from "vitest";
import { clock, useFakeTime } from "../support/fake-time.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import { Answers, Connection, Service, usePools } from "./connections.ts";

useFakeTime();
const makePool = usePools();

const full = { code: "SNOWSHED_LIMIT_EXCEEDED" };
const down = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

describe("a create that fails", () => {
  test("is told to all that wait when nothing is left to wait for, and tried again after a pause", async () => {
    const service = new Service();
    service.error = down;
    const pool = makePool({ ...service.calls, max: 3 });
    const all = Array.from({ length: 10 }, () => observe(pool.permit()));
    await drained();
    expect(all.map(({ outcome: each }) => each)).toEqual(all.map(() => ({ status: "rejected", reason: down })));
    expect([service.attempts, pool.size, pool.pending, pool.inspect().lastError]).toEqual([3, 0, 0, down]);

    // Those who come in the pause share one attempt.
    const next = [observe(pool.permit()), observe(pool.permit())];
    await drained();
    expect(service.attempts).toBe(3);
    service.error = null;
    await clock.advance(100);
    expect([service.attempts, ...next.map(({ outcome: { status } }) => status)]).toEqual([5, "fulfilled", "fulfilled"]);
  });

  test("is tried one at a time until it does not fail, then as many as wait", async () => {
    const answers = new Answers<Connection>();
    const pool = makePool({ create: answers.create, max: 3 });
    const first = observe(pool.permit());
    answers.calls[0]!.reject(down);
    await drained();
    expect(first.outcome.status).toBe("rejected");
    const waiting = [1, 2, 3].map(() => observe(pool.permit()));
    await clock.advance(100);
    expect([answers.calls.length, pool.inspect().creating]).toEqual([2, 1]);
    answers.calls[1]!.resolve(new Connection(1));
    await drained();
    expect([answers.calls.length, pool.inspect().creating]).toEqual([4, 2]);
    for (const [id, call] of answers.calls.entries()) call.resolve(new Connection(id));
    await drained();
    expect(waiting.map(({ outcome: { status } }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  });

  test("makes the pauses longer while it does, and none after it did not", async () => {
    const service = new Service();
    service.error = down;
    const pool = makePool({ ...service.calls, min: 1, max: 1 });
    const at: number[] = [];
    for (let known = 0; clock.now() < 60_000; await clock.advance(10)) {
      if (service.attempts > known) at.push(clock.now());
      known = service.attempts;
    }
    const pauses = at.slice(1).map((time, index) => time - at[index]!);
    for (const [index, pause] of pauses.entries()) {
      const ceiling = Math.min(2000, 100 * 2 ** index);
      expect(pause).toBeGreaterThanOrEqual(ceiling / 2 - 10);
      expect(pause).toBeLessThanOrEqual(ceiling + 10);
    }
    expect(pauses.length).toBeGreaterThan(25);
    service.error = null;
    await clock.advance(2000);
    expect(pool.idle).toBe(1);
    pool.tryPermit()!.destroy();
    await drained();
    expect(pool.idle).toBe(1);
  });

  test("is told only to the first that waits while others can be waited for", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 2 });
    const holder = await pool.permit();
    service.error = down;
    const [first, second] = [observe(pool.permit()), observe(pool.permit())];
    await drained();
    expect([first.outcome, second.outcome.status]).toEqual([{ status: "rejected", reason: down }, "pending"]);
    holder.release();
    await drained();
    expect(second.outcome).toMatchObject({ status: "fulfilled", value: { resource: holder.resource } });
  });

  test("is the cause of what a waiter is refused with", async () => {
    const answers = new Answers<Connection>();
    const pool = makePool({ create: answers.create, max: 2 });
    const first = observe(pool.permit());
    answers.calls[0]!.resolve(new Connection(1));
    await drained();
    const [second, third] = [observe(pool.permit()), observe(pool.permit({ timeout: 50 }))];
    answers.calls[1]!.reject(down);
    await clock.advance(49);
    expect([first.outcome.status, second.outcome.status, third.outcome.status]).toEqual([
      "fulfilled",
      "rejected",
      "pending",
    ]);
    await clock.advance(1);
    expect(third.outcome).toMatchObject({ status: "rejected", reason: { ...full, cause: down } });

    // Not when it works again.
    const fourth = observe(pool.permit());
    await clock.advance(100);
    answers.calls[2]!.resolve(new Connection(2));
    await drained();
    expect(fourth.outcome.status).toBe("fulfilled");
    const fifth = await outcome(pool.permit({ timeout: 0 }));
    expect(fifth).toMatchObject({ status: "rejected", reason: full });
    expect((fifth as { readonly reason: Error }).reason.cause).toBeUndefined();
  });

  test.each<readonly [string, () => never]>([
    [
      "throws at once",
      () => {
        throw down;
      },
    ],
  ])("and %s", async (_name, create) => {
    const pool = makePool({ create, max: 1 });
    expect(await outcome(pool.permit())).toEqual({ status: "rejected", reason: down });
    expect([pool.size, pool.pending]).toEqual([0, 0]);
  });
});

describe("a create that hangs", () => {
  test("is given up after acquireTimeout, with its context; what comes late is destroyed", async () => {
    const answers = new Answers<Connection>();
    const destroyed: Connection[] = [];
    const pool = makePool({ create: answers.create, max: 1, destroy: (each) => destroyed.push(each) });
    const first = observe(pool.permit());
    await clock.advance(2000);
    const second = observe(pool.permit());
    await clock.advance(999);
    expect([first.outcome.status, pool.size, answers.calls.length]).toEqual(["pending", 1, 1]);
    expect(answers.calls[0]!.context.remaining()).toBe(1);
    await clock.advance(1);
    expect([first.outcome.status, second.outcome.status, pool.size]).toEqual(["rejected", "rejected", 0]);
    expect(second.outcome).toMatchObject({ reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } });
    expect(answers.calls[0]!.context.reason).toBeInstanceOf(DeadlineExceededError);

    const third = observe(pool.permit());
    await clock.advance(100);
    const [late, fresh] = [new Connection(1), new Connection(2)];
    answers.calls[0]!.resolve(late);
    await drained();
    expect([third.outcome.status, destroyed]).toEqual(["pending", [late]]);
    answers.calls[1]!.resolve(fresh);
    await drained();
    expect(third.outcome).toMatchObject({ status: "fulfilled", value: { resource: fresh } });
    expect(pool.size).toBe(1);
  });

  test("does not keep a pool from closing", async () => {
    const answers = new Answers<Connection>();
    const pool = makePool({ create: answers.create, max: 1 });
    const waiting = observe(pool.permit());
    const end = observe(pool.close());
    await drained();
    expect([waiting.outcome.status, end.outcome.status, answers.calls[0]!.context.aborted]).toEqual([
      "rejected",
      "pending",
      true,
    ]);
    await clock.advance(3000);
    expect(end.outcome.status).toBe("fulfilled");
  });

  test("is left at once when closing has a timeout that is over", async () => {
    const answers = new Answers<Connection>();
    const destroyed: Connection[] = [];
    const pool = makePool({
      create: answers.create,
      max: 1,
      acquireTimeout: Infinity,
      destroy: (each) => destroyed.push(each),
    });
    void observe(pool.permit());
    const end = observe(pool.close({ timeout: 10 }));
    await clock.advance(10);
    expect([end.outcome.status, pool.size]).toEqual(["fulfilled", 0]);
    answers.calls[0]!.resolve(new Connection(1));
    await drained();
    expect(destroyed.length).toBe(1);
  });
});

describe("a create that returns", () => {
  test("what is in the pool already is an error, and the one that is there stays", async () => {
    const same = new Connection(1);
    const destroyed: Connection[] = [];
    const pool = makePool({ create: () => same, max: 2, destroy: (each) => destroyed.push(each) });
    const holder = await pool.permit();
    const second = await outcome(pool.permit());
    expect(second).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_INVALID_ARGUMENT" } });
    expect([pool.size, pool.held, destroyed]).toEqual([1, 1, []]);
    holder.destroy();
    await clock.advance(100);
    // The control: what is no longer there may come again.
    expect(await outcome(pool.permit())).toMatchObject({ status: "fulfilled", value: { resource: same } });
  });

  test("late what is in the pool by then, leaves it there", async () => {
    const answers = new Answers<Connection>();
    const destroyed: Connection[] = [];
    const pool = makePool({ create: answers.create, max: 1, destroy: (each) => destroyed.push(each) });
    void observe(pool.permit());
    await clock.advance(3000);
    const next = observe(pool.permit());
    await clock.advance(100);
    const same = new Connection(1);
    answers.calls[1]!.resolve(same);
    answers.calls[0]!.resolve(same);
    await drained();
    expect([next.outcome.status, destroyed, pool.held]).toEqual(["fulfilled", [], 1]);
  });

  test("the same number twice is none", async () => {
    const pool = makePool({ create: () => 7, max: 2 });
    expect(await outcome(Promise.all([pool.permit(), pool.permit()]))).toMatchObject({ status: "fulfilled" });
  });

  test("nothing, makes a pool of nothing", async () => {
    const pool = makePool({ create: () => undefined, max: 2 });
    expect(await pool.run((resource) => typeof resource)).toBe("undefined");
  });
});

describe("validate", () => {
  test("is asked about what lay idle, and of nothing else", async () => {
    const asked: number[] = [];
    const validate = async ({ id }: Connection): Promise<boolean> => {
      asked.push(id);
      return true;
    };
    const pool = makePool({ ...new Service().calls, max: 1, validate });
    const holder = await pool.permit();
    const next = pool.permit();
    holder.release();
    (await next).release();
    expect(asked).toEqual([]);
    await pool.run(() => {});
    expect(asked).toEqual([1]);
  });

  test.each<readonly [string, () => boolean | Promise<boolean>]>([
    ["says no", () => false],
    ["says no after a while", async () => false],
    ["throws", () => Promise.reject(new Error("no"))],
    [
      "throws at once",
      () => {
        throw new Error("no");
      },
    ],
  ])("and %s: another one is made", async (_name, validate) => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1, validate });
    await pool.run(() => {});
    expect(await pool.run(({ id }) => id)).toBe(2);
    expect([service.made[0]!.state, pool.inspect().broken, service.most]).toEqual(["broken", 1, 1]);
  });

  test("is waited for before another one is made", async () => {
    const answer = deferred<boolean>();
    const service = new Service();
    const pool = makePool({ ...service.calls, validate: () => answer.promise });
    const [first, second] = await Promise.all([pool.permit(), pool.permit()]);
    first.release();
    const waiting = observe(pool.permit());
    second.destroy();
    await drained();
    expect([waiting.outcome.status, service.attempts, pool.size]).toEqual(["pending", 2, 1]);
    answer.resolve(true);
    await drained();
    expect(waiting.outcome).toMatchObject({ status: "fulfilled", value: { resource: first.resource } });
  });

  test("and hangs: it is given up after acquireTimeout", async () => {
    const service = new Service();
    const pool = makePool({
      ...service.calls,
      max: 1,
      acquireTimeout: "1s",
      validate: () => deferred<boolean>().promise,
    });
    await pool.run(() => {});
    const waiting = observe(pool.permit({ timeout: "5s" }));
    await clock.advance(999);
    expect([waiting.outcome.status, pool.inspect().validating]).toEqual(["pending", 1]);
    await clock.advance(1);
    expect([waiting.outcome.status, service.made[0]!.state]).toEqual(["fulfilled", "broken"]);
  });
});

describe("destroy", () => {
  test("keeps its place until it has ended", async () => {
    const answer = deferred();
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1, destroy: () => answer.promise });
    (await pool.permit()).destroy();
    const next = observe(pool.permit());
    await drained();
    expect([pool.size, next.outcome.status, service.attempts]).toEqual([1, "pending", 1]);
    answer.resolve();
    await drained();
    expect([next.outcome.status, service.attempts]).toEqual(["fulfilled", 2]);
  });

  test("does not count as one of min", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 2, min: 1, destroy: () => deferred().promise });
    (await pool.permit()).destroy();
    await drained();
    expect([pool.size, pool.idle, service.attempts]).toEqual([2, 1, 2]);
  });

  test("leaves no room to wait for its place where nobody may wait", async () => {
    const answer = deferred();
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1, maxQueue: 0, destroy: () => answer.promise });
    (await pool.permit()).destroy();
    expect(await outcome(pool.permit())).toMatchObject({ status: "rejected", reason: full });
    answer.resolve();
    await drained();
    expect(await pool.run(({ id }) => id)).toBe(2);
  });

  test("keeps it for 3 s at most", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1, destroy: () => deferred().promise });
    (await pool.permit()).destroy();
    const next = observe(pool.permit({ timeout: "10s" }));
    await clock.advance(2999);
    expect(next.outcome.status).toBe("pending");
    await clock.advance(1);
    expect([next.outcome.status, pool.size]).toEqual(["fulfilled", 1]);
  });

  test.each<readonly [string, () => unknown]>([
    ["throws", () => Promise.reject(new Error("no"))],
    [
      "throws at once",
      () => {
        throw new Error("no");
      },
    ],
  ])("and %s: its place is free", async (_name, destroy) => {
    const pool = makePool({ ...new Service().calls, max: 1, destroy });
    (await pool.permit()).destroy();
    expect(await pool.run(({ id }) => id)).toBe(2);
    expect(pool.inspect().lastError).toEqual(new Error("no"));
  });

  test("learns whether what it destroys is broken", async () => {
    const seen: [number, boolean][] = [];
    const pool = makePool({ ...new Service().calls, destroy: ({ id }, broken) => seen.push([id, broken]) });
    const [first, second] = await Promise.all([pool.permit(), pool.permit()]);
    first.destroy();
    second.release();
    await pool.close();
    expect(seen).toEqual([
      [1, true],
      [2, false],
    ]);
  });
});

test("code of the user that leads back into the pool finds it whole", async () => {
  const service = new Service();
  const inner: unknown[] = [];
  const pool = makePool({
    ...service.calls,
    max: 2,
    validate: () => {
      inner.push(pool.tryPermit());
      return false;
    },
    destroy: (each, broken) => {
      service.destroy(each, broken);
      inner.push(observe(pool.permit()));
    },
  });
  await pool.run(() => {});
  const outer = observe(pool.permit());
  await drained();
  expect([outer.outcome.status, pool.held, service.most]).toEqual(["fulfilled", 2, 2]);
});

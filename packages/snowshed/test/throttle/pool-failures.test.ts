// Code of the user that throws, hangs, answers late, or answers what it must not: no place is lost, and the next in line
// is served.
import { DeadlineExceededError } from "snowshed";
import type { Pool } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
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

/** What throws when it is looked at. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

class Odd {
  get then(): never {
    throw new Error("then was read");
  }
}

const namelessError = {
  get name(): never {
    throw new Error("name was read");
  },
};

describe("an error that is strange", () => {
  test.each<readonly [string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a symbol", Symbol("no")],
    ["an object whose name cannot be read", namelessError],
    ["a revoked proxy", revoked()],
  ])("such as %s, reaches who waits, and no place is lost", async (_name, error) => {
    for (const create of [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ]) {
      const pool = makePool({ create, max: 1, min: 1 });
      await drained();
      const waiting = observe(pool.permit());
      await clock.advance(100);
      expect(waiting.outcome.status).toBe("rejected");
      expect((waiting.outcome as { readonly reason: unknown }).reason === error).toBe(true);
      const { createFailures, lastError } = pool.inspect();
      expect([pool.size, pool.pending, createFailures, lastError === error]).toEqual([0, 0, 2, true]);
    }
  });

  test("leaves no place behind when a task fails with it", async () => {
    const pool = makePool({ ...new Service().calls, max: 1 });
    for (const error of [undefined, null, namelessError, revoked()]) {
      const failed = await outcome(pool.run(() => Promise.reject(error)));
      expect([failed.status, pool.held, pool.pending]).toEqual(["rejected", 0, 0]);
    }
    expect(await pool.run(() => "works")).toBe("works");
  });
});

describe("an answer that cannot be looked at", () => {
  test("of create is a failure", async () => {
    const pool = makePool({ create: () => new Odd(), max: 1 });
    for (let round = 0; round < 2; round++) {
      const waiting = observe(pool.permit());
      await clock.advance(100);
      expect(waiting.outcome).toMatchObject({ status: "rejected", reason: { message: "then was read" } });
      expect([pool.size, pool.pending, pool.inspect().creating]).toEqual([0, 0, 0]);
    }
  });

  test("of validate and destroy is one, too", async () => {
    const service = new Service();
    const odd = new Odd() as never;
    const pool = makePool({ create: service.create, max: 1, validate: () => odd, destroy: () => odd });
    await pool.run(() => {});
    expect(await pool.run(({ id }) => id)).toBe(2);
    expect(pool.inspect()).toMatchObject({ size: 1, idle: 1, validating: 0, destroying: 0 });
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

  test("late, and again while that is being destroyed, is an error", async () => {
    const answers = new Answers<Connection>();
    const destroyed: Connection[] = [];
    const end = deferred();
    const destroy = (each: Connection): Promise<void> => {
      destroyed.push(each);
      return end.promise;
    };
    const pool = makePool({ create: answers.create, max: 1, destroy });
    void observe(pool.permit());
    await clock.advance(3000);
    const same = new Connection(1);
    answers.calls[0]!.resolve(same);
    const next = observe(pool.permit());
    await clock.advance(100);
    answers.calls[1]!.resolve(same);
    await drained();
    expect(next.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_INVALID_ARGUMENT" } });
    expect([destroyed, pool.held, pool.size]).toEqual([[same], 0, 0]);
    end.resolve();
    // The control: when it has ended it may come again.
    const third = observe(pool.permit());
    await clock.advance(200);
    answers.calls[2]!.resolve(same);
    await drained();
    expect(third.outcome).toMatchObject({ status: "fulfilled", value: { resource: same } });
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

describe("close() inside code of the user", () => {
  test("called by the destroy of an old one: who asked is told at once that it is closed", async () => {
    let asleep = 0;
    const sleeping = {
      now: () => clock.now() + asleep,
      date: () => clock.date(),
      random: () => 0,
      setTimeout: clock.setTimeout.bind(clock),
    };
    const closings: Promise<void>[] = [];
    const pool: Pool<Connection> = makePool({
      create: () => new Connection(1),
      destroy: () => closings.push(pool.close()),
      clock: sleeping,
      acquireTimeout: Number.POSITIVE_INFINITY,
    });
    await pool.run(() => {});
    asleep = 60 * 60_000;
    const late = observe(pool.permit());
    await drained();
    expect(late.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_POOL_CLOSED" } });
    await Promise.all(closings);
    expect([pool.size, pool.pending]).toEqual([0, 0]);
  });

  test("called by the destroy of one that got old while it was idle: no timer stays", async () => {
    const service = new Service();
    const pool = makePool({
      ...service.calls,
      maxAge: "60s",
      idleTimeout: "1h",
      destroy: (each, broken) => {
        service.destroy(each, broken);
        void pool.close();
      },
    });
    const old = await pool.permit();
    await clock.advance("30s");
    await pool.run(() => {});
    old.release();
    expect(pool.idle).toBe(2);
    await clock.advance("30s");
    expect([service.open, pool.size, clock.pending]).toEqual([[], 0, 0]);
  });

  test("lends nothing any more, also not what is about to be destroyed", async () => {
    const lent: unknown[] = [];
    const pool: Pool<Connection> = makePool({
      create: new Service().create,
      destroy: () => lent.push(pool.tryPermit()),
    });
    const permits = await Promise.all([pool.permit(), pool.permit()]);
    for (const permit of permits) permit.release();
    await pool.close();
    expect(lent).toEqual([undefined, undefined]);
  });

  test("by force, in the tick in which a caller gets its turn: its task does not run", async () => {
    const service = new Service();
    const pool = makePool({ ...service.calls, max: 1 });
    const holder = await pool.permit();
    const ran: string[] = [];
    const waiting = observe(pool.run(() => ran.push("ran")));
    const canceled = observe(pool.run(() => ran.push("ran"), { signal: root.withCancel() }));
    holder.release();
    const end = observe(pool.close({ timeout: 0 }));
    await drained();
    expect([waiting.outcome, canceled.outcome]).toMatchObject([
      { status: "rejected", reason: { code: "SNOWSHED_POOL_CLOSED" } },
      { status: "rejected", reason: { code: "SNOWSHED_POOL_CLOSED" } },
    ]);
    expect([ran, end.outcome.status, service.open]).toEqual([[], "rejected", []]);
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

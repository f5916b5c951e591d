// The limit, running out of descriptors, coming back, order, weights, refusal, cancellation, misuse.
import { CanceledError, DeadlineExceededError, FatalError } from "snowshed";
import type { FileHandlesOptions } from "snowshed/throttle";
import { FileHandles } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { deferred, observe } from "../support/promises.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";

useFakeTime();

function handlesOf(options: Partial<FileHandlesOptions> = {}): FileHandles {
  return new FileHandles({ limit: 8, clock, ...options });
}

function exhaustion(code: string = "EMFILE"): Error {
  return Object.assign(new Error(`${code}: too many open files, open 'a'`), { code, syscall: "open" });
}

/** A task that finds no descriptor so many times, and notes when it tried. */
function failing(times: number, attempts: number[] = [], error: unknown = exhaustion()) {
  return async (): Promise<string> => {
    attempts.push(clock.now());
    if (attempts.length <= times) throw error;
    return "read";
  };
}

const idle = { held: 0, queued: 0, retrying: 0, pausedFor: 0 };

describe("the limit", () => {
  test.each([
    [{ softLimit: 256, open: 56 }, undefined, 160],
    [{ softLimit: 256, open: 56 }, 0, 200],
    [{ softLimit: 256, open: 56 }, 0.5, 100],
    [{ softLimit: 1_048_576, open: 20 }, undefined, 1024],
    [{ softLimit: Number.POSITIVE_INFINITY, open: 20 }, undefined, 1024],
    [{ softLimit: 20, open: 20 }, undefined, 1],
    [{ softLimit: 10, open: 20 }, undefined, 1],
  ])("of %j less a reserve of %j is %j", (usage, reserve, limit) => {
    const handles = new FileHandles({ descriptors: () => usage, reserve });
    expect(handles.limit).toBe(limit);
    expect(handles.inspect()).toEqual({ ...idle, limit, maximum: limit, exhausted: 0, refused: 0 });
  });

  test("that is given is taken as it is, and nobody is asked", () => {
    const descriptors = () => {
      throw new Error("asked");
    };
    expect(new FileHandles({ limit: 5000, descriptors }).limit).toBe(5000);
    expect(() => new FileHandles({ descriptors })).toThrow("asked");
  });

  test("of this process is read without being told anything", () => {
    const { limit } = new FileHandles();
    expect(limit).toBeGreaterThanOrEqual(1);
    expect(limit).toBeLessThanOrEqual(1024);
  });

  test("is how many run at a time, in the order they came", async () => {
    const handles = handlesOf({ limit: 2 });
    const begun: string[] = [];
    const ends = ["a", "b", "c", "d"].map((name) => {
      const end = deferred();
      void handles.run(() => {
        begun.push(name);
        return end.promise;
      });
      return end;
    });
    // Without a microtask in between where there is room.
    expect(begun).toEqual(["a", "b"]);
    expect(handles.inspect()).toMatchObject({ held: 2, queued: 2 });
    ends[1]!.resolve();
    await clock.advance(0);
    expect(begun).toEqual(["a", "b", "c"]);
    for (const { resolve } of ends) resolve();
    await clock.advance(0);
    expect(begun).toEqual(["a", "b", "c", "d"]);
    expect(handles.inspect()).toMatchObject(idle);
  });
});

describe("a task that finds no descriptor", () => {
  test("waits while the limit is halved, and runs again", async () => {
    const handles = handlesOf();
    const attempts: number[] = [];
    const reading = observe(handles.run(failing(1, attempts)));
    await clock.advance(0);
    expect(handles.inspect()).toMatchObject({ limit: 4, maximum: 8, held: 0, queued: 1, retrying: 1, exhausted: 1 });
    const { pausedFor } = handles.inspect();
    expect(pausedFor).toBeGreaterThanOrEqual(5);
    expect(pausedFor).toBeLessThan(15);
    await clock.advance(15);
    expect(reading.outcome).toEqual({ status: "fulfilled", value: "read" });
    expect(attempts).toEqual([0, pausedFor]);
    expect(handles.inspect()).toMatchObject(idle);
  });

  test.each([
    ["ENFILE", exhaustion("ENFILE")],
    ["a cause", new Error("no settings", { cause: exhaustion() })],
    ["one of several", new AggregateError([new Error("not this one"), new Error("wrapped", { cause: exhaustion() })])],
  ])("is known by %s", async (_, error) => {
    const handles = handlesOf();
    const reading = handles.run(failing(1, [], error));
    await clock.advance(15);
    expect(await reading).toBe("read");
  });

  test.each([
    ["another code", Object.assign(new Error("no such file"), { code: "ENOENT" })],
    ["a text that only mentions it", new Error("EMFILE")],
    ["what is no error", "EMFILE"],
  ])("is not taken for %s, which is passed on at once", async (_, error) => {
    const handles = handlesOf();
    const attempts: number[] = [];
    await expect(handles.run(failing(1, attempts, error))).rejects.toBe(error);
    expect(attempts).toEqual([0]);
    expect(handles.inspect()).toMatchObject({ ...idle, limit: 8, exhausted: 0 });
  });

  test("may throw it at once, too", async () => {
    const handles = handlesOf();
    let attempts = 0;
    const reading = handles.run(() => {
      if (++attempts === 1) throw exhaustion();
      return "read";
    });
    await clock.advance(15);
    expect(await reading).toBe("read");
  });

  test("halves the limit once together with all that ran with it", async () => {
    const handles = handlesOf();
    const reading = Promise.all(Array.from({ length: 8 }, () => handles.run(failing(1))));
    await clock.advance(0);
    expect(handles.inspect()).toMatchObject({ limit: 4, queued: 8, retrying: 8, exhausted: 8 });
    await clock.advance(15);
    expect(await reading).toHaveLength(8);
  });

  test("halves it once also when those that began together find it out one after the other, at once", async () => {
    const handles = handlesOf({ limit: 64 });
    const all = handles.tryPermit(64)!;
    const foreign = new AbortController();
    const calls = Array.from({ length: 64 }, (_, index) => {
      let attempts = 0;
      const openSync = (): string => {
        if (++attempts === 1) throw exhaustion();
        return "read";
      };
      // With a signal a caller goes on a little later than without.
      return handles.run(openSync, index % 2 === 0 ? {} : { signal: foreign.signal });
    });
    all.release();
    await clock.advance(0);
    expect(handles.inspect()).toMatchObject({ limit: 32, exhausted: 64, retrying: 64 });
    await clock.advance(15);
    expect(await Promise.all(calls)).toHaveLength(64);
  });

  test("halves it again when the half is too much as well, but not below 1", async () => {
    const handles = handlesOf();
    const reading = handles.run(failing(5));
    const limits: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt++) {
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(handles.inspect().pausedFor);
      limits.push(handles.limit);
    }
    expect(limits).toEqual([4, 2, 1, 1, 1]);
    await clock.advance("2s");
    expect(await reading).toBe("read");
  });

  test("goes before those who came earlier and have not begun", async () => {
    const handles = handlesOf({ limit: 1 });
    const begun: string[] = [];
    const called = ["first", "second"].map((name) =>
      handles.run(() => {
        begun.push(name);
        if (begun.length === 1) throw exhaustion();
      }),
    );
    await clock.advance(15);
    await Promise.all(called);
    expect(begun).toEqual(["first", "first", "second"]);
  });

  test("holds up everyone while the pause lasts", async () => {
    const handles = handlesOf();
    const reading = handles.run(failing(1));
    await clock.advance(0);
    const next = observe(handles.run(() => clock.now()));
    expect(handles.tryPermit()).toBeUndefined();
    expect(handles.inspect()).toMatchObject({ held: 0, queued: 2, retrying: 1 });
    const { pausedFor } = handles.inspect();
    await clock.advance(15);
    await reading;
    expect(next.outcome).toEqual({ status: "fulfilled", value: pausedFor });
    expect(handles.tryPermit()).toBeDefined();
  });

  test("is tried ever less often, and for as long as it takes", async () => {
    const handles = handlesOf();
    const attempts: number[] = [];
    const reading = handles.run(failing(500, attempts));
    await clock.advance("10m");
    expect(await reading).toBe("read");
    const gaps = attempts.slice(1).map((at, index) => at - attempts[index]!);
    expect(Math.min(...gaps)).toBeGreaterThan(4.99);
    expect(Math.max(...gaps)).toBeCloseTo(1000);
    // Not all of them at the most: there is jitter.
    expect(gaps.filter((gap) => gap < 999).length).toBeGreaterThan(50);
  });

  test("waits briefly again after one has ended well", async () => {
    const handles = handlesOf();
    const hard = handles.run(failing(20));
    await clock.advance("1m");
    await hard;
    const easy = handles.run(failing(1));
    await clock.advance(0);
    expect(handles.inspect().pausedFor).toBeLessThan(15);
    await clock.advance(15);
    await easy;
  });
});

describe("the limit after that", () => {
  async function shrunk(limit: number): Promise<FileHandles> {
    const handles = handlesOf({ limit });
    const reading = handles.run(failing(1));
    await clock.advance(15);
    await reading;
    return handles;
  }

  /** How many tasks end until the limit changes. */
  async function untilChanged(handles: FileHandles): Promise<number> {
    const before = handles.limit;
    let ended = 0;
    for (; handles.limit === before && ended < 1000; ended++) {
      // oxlint-disable-next-line no-await-in-loop
      await handles.run(() => {});
    }
    return ended;
  }

  test("grows by a 20th when as many have ended as it allows", async () => {
    const handles = await shrunk(60);
    expect(handles.limit).toBe(30);
    // The task that ran again counts.
    expect([await untilChanged(handles), handles.limit]).toEqual([29, 33]);
    expect([await untilChanged(handles), handles.limit]).toEqual([33, 36]);
  });

  test("grows to where it began, and no further", async () => {
    const handles = await shrunk(25);
    const limits = [];
    for (let index = 0; index < 7; index++) {
      // oxlint-disable-next-line no-await-in-loop
      await untilChanged(handles);
      limits.push(handles.limit);
    }
    expect(limits).toEqual([14, 16, 18, 20, 22, 24, 25]);
    expect(await untilChanged(handles)).toBe(1000);
  });

  test("counts from the beginning when descriptors run out again", async () => {
    const handles = await shrunk(8);
    await handles.run(() => {});
    await handles.run(() => {});
    // With the one that ran again there are three of four.
    const reading = handles.run(failing(1));
    await clock.advance(15);
    await reading;
    expect(handles.limit).toBe(2);
    await handles.run(() => {});
    expect(handles.limit).toBe(3);
  });

  test("grows also by those that fail otherwise, not by those that began before", async () => {
    const handles = handlesOf({ limit: 4 });
    const early = Array.from({ length: 3 }, () => deferred());
    const running = early.map(({ promise }) => handles.run(() => promise));
    const reading = handles.run(failing(1));
    await clock.advance(15);
    for (const { resolve } of early) resolve();
    await Promise.all(running);
    await clock.advance(15);
    await reading;
    expect(handles.limit).toBe(2);
    await handles.run(() => Promise.reject(new Error("of the task"))).catch(() => {});
    expect(handles.limit).toBe(3);
  });
});

describe("weight", () => {
  test("is what a task holds, and a light one never passes a heavy one", async () => {
    const handles = handlesOf({ limit: 4 });
    const end = deferred();
    const begun: string[] = [];
    const first = handles.run(() => end.promise, { weight: 2 });
    const heavy = handles.run(() => begun.push("heavy"), { weight: 3 });
    const light = handles.run(() => begun.push("light"));
    await clock.advance(0);
    expect(begun).toEqual([]);
    expect(handles.inspect()).toMatchObject({ held: 2, queued: 2 });
    end.resolve();
    await Promise.all([first, heavy, light]);
    expect(begun).toEqual(["heavy", "light"]);
    expect(handles.inspect()).toMatchObject(idle);
  });

  test("above what the limit has become goes when nothing is held", async () => {
    const handles = handlesOf({ limit: 8 });
    const other = deferred();
    const running = handles.run(() => other.promise);
    const attempts: number[] = [];
    const heavy = observe(handles.run(failing(2, attempts), { weight: 7 }));
    await clock.advance(15);
    expect([attempts.length, handles.limit]).toEqual([1, 4]);
    other.resolve();
    await running;
    await clock.advance(60);
    expect(heavy.outcome).toEqual({ status: "fulfilled", value: "read" });
    expect(handles.inspect()).toMatchObject(idle);
  });

  test("above what the limit was at the beginning never fits", async () => {
    const handles = handlesOf({ name: "logs" });
    const neverFits: unknown = expect.objectContaining({
      code: "SNOWSHED_NEVER_FITS",
      message: 'weight 9 exceeds the 8 file handles of "logs"',
    });
    await expect(handles.run(() => {}, { weight: 9 })).rejects.toEqual(neverFits);
    await expect(handles.permit(9)).rejects.toEqual(neverFits);
    expect(() => handles.tryPermit(9)).toThrow(neverFits);
    expect(handles.inspect()).toMatchObject(idle);
  });
});

describe("a permit", () => {
  test("is given back once", async () => {
    const handles = handlesOf({ limit: 3 });
    const permit = await handles.permit(2);
    expect(permit.weight).toBe(2);
    expect(handles.tryPermit(2)).toBeUndefined();
    permit.release();
    permit.release();
    permit[Symbol.dispose]();
    expect(handles.inspect().held).toBe(0);
    const second = handles.tryPermit(3);
    expect([second?.weight, handles.inspect().held]).toEqual([3, 3]);
    second?.release();
  });

  test("is not handed out without waiting while somebody waits", async () => {
    const handles = handlesOf({ limit: 3 });
    const held = await handles.permit(2);
    const waiting = handles.permit(2);
    expect(handles.tryPermit()).toBeUndefined();
    held.release();
    (await waiting).release();
    expect(handles.inspect()).toMatchObject(idle);
  });
});

describe("who waits", () => {
  test("is refused when too many do", async () => {
    const handles = handlesOf({ limit: 1, maxQueue: 1, name: "logs" });
    const held = await handles.permit();
    const waiting = handles.permit();
    const refused = { code: "SNOWSHED_LIMIT_EXCEEDED", message: 'refused at the limit 1 of "logs": 1 held, 1 queued' };
    await expect(handles.permit()).rejects.toMatchObject(refused);
    held.release();
    (await waiting).release();
  });

  test("is not refused for another attempt, however many wait", async () => {
    const handles = handlesOf({ limit: 1, maxQueue: 0 });
    const reading = handles.run(failing(3));
    await clock.advance("1s");
    expect(await reading).toBe("read");
  });

  test("in the queue goes when its signal aborts, and so do those behind it", async () => {
    const handles = handlesOf({ limit: 2 });
    const held = await handles.permit();
    const context = root.withCancel();
    const heavy = handles.permit(2, { signal: context });
    const light = handles.permit();
    context.cancel();
    await expect(heavy).rejects.toThrow(CanceledError);
    (await light).release();
    held.release();
    expect(handles.inspect()).toMatchObject(idle);
  });

  test("between two attempts goes when its signal aborts, and no timer is left", async () => {
    const handles = handlesOf();
    const context = root.withCancel();
    const attempts: number[] = [];
    const reading = handles.run(failing(1, attempts), { signal: context });
    await clock.advance(0);
    expect(clock.pending).toBe(1);
    context.cancel();
    await expect(reading).rejects.toThrow(CanceledError);
    expect([clock.pending, handles.inspect().queued]).toEqual([0, 0]);
    // The pause holds also for who comes now.
    const next = handles.run(() => clock.now());
    await clock.advance(15);
    expect(await next).toBeGreaterThanOrEqual(5);
    expect(attempts).toEqual([0]);
  });

  test("is not tried again when its signal was aborted during the attempt", async () => {
    const handles = handlesOf();
    const context = root.withCancel();
    let attempts = 0;
    const reading = handles.run(
      () => {
        attempts++;
        context.cancel();
        throw exhaustion();
      },
      { signal: context },
    );
    await expect(reading).rejects.toThrow(CanceledError);
    await clock.advance("1s");
    expect(attempts).toBe(1);
    expect(handles.inspect()).toMatchObject(idle);
  });

  test("and is canceled in the tick of its turn passes it on", async () => {
    const handles = handlesOf({ limit: 1 });
    const held = await handles.permit();
    const context = root.withCancel();
    const canceled = observe(handles.permit(1, { signal: context }));
    const next = handles.permit();
    held.release();
    context.cancel();
    (await next).release();
    expect(canceled.outcome).toMatchObject({ status: "rejected", reason: expect.any(CanceledError) as unknown });
    expect(handles.inspect()).toMatchObject(idle);
  });

  test("with a signal that is aborted already is refused also when there is room", async () => {
    await expect(handlesOf().run(() => {}, { signal: AbortSignal.abort() })).rejects.toThrow(CanceledError);
  });

  test("gives up after its timeout", async () => {
    const handles = handlesOf({ limit: 1, name: "logs" });
    const held = await handles.permit();
    const late = observe(handles.permit(1, { timeout: 50 }));
    await clock.advance(50);
    expect(late.outcome).toMatchObject({ reason: expect.any(DeadlineExceededError) as unknown });
    expect(late.outcome).toMatchObject({ reason: { message: 'waited 50 ms for 1 of the 1 file handles of "logs"' } });
    await expect(handles.permit(1, { timeout: 0 })).rejects.toThrow(DeadlineExceededError);
    held.release();
    (await handles.permit(1, { timeout: 0 })).release();
  });

  test("gives up after its timeout also between two attempts, and says why it was tried again", async () => {
    const handles = handlesOf();
    const attempts: number[] = [];
    const error = exhaustion();
    const late = observe(handles.run(failing(1000, attempts, error), { timeout: 200 }));
    await clock.advance(199);
    expect(late.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(late.outcome).toMatchObject({ reason: expect.any(DeadlineExceededError) as unknown });
    expect(late.outcome).toMatchObject({ reason: { cause: error } });
    expect(attempts.length).toBeGreaterThan(1);
    expect(handles.inspect()).toMatchObject({ held: 0, queued: 0, retrying: 0 });
  });

  test("gives a task that runs the context of its signal, and does not end it by the timeout", async () => {
    const handles = handlesOf();
    const context = root.withCancel();
    const running = handles.run(
      async (given) => {
        await given.sleep(100);
        return given === context;
      },
      { signal: context, timeout: 10 },
    );
    await clock.advance(100);
    expect(await running).toBe(true);
  });
});

test.each([
  ["a cancellation", new CanceledError(undefined, { cause: exhaustion() })],
  ["the timeout of another", new DeadlineExceededError(undefined, { cause: exhaustion() })],
  ["a fatal error", new FatalError("no settings", { cause: exhaustion() })],
])("%s that was caused by it is passed on, not tried for ever", async (_, error) => {
  const handles = handlesOf();
  const attempts: number[] = [];
  const reading = observe(handles.run(failing(1000, attempts, error)));
  await clock.advance("1m");
  expect(reading.outcome).toEqual({ status: "rejected", reason: error });
  expect(attempts).toEqual([0]);
  expect(handles.inspect()).toMatchObject({ ...idle, limit: 8, exhausted: 0 });
});

test("a timeout between two attempts is no longer when the clock is put back", async () => {
  let back = 0;
  const jumping = {
    now: () => clock.now() - back,
    date: () => clock.date(),
    random: () => clock.random(),
    setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms),
  };
  const handles = handlesOf({ limit: 2, clock: jumping });
  const other = await handles.permit();
  const end = deferred();
  const late = observe(handles.run(() => end.promise.then(failing(1)), { timeout: 100 }));
  back = 3_600_000;
  end.resolve();
  // The limit is 1 now, and the other keeps it.
  await clock.advance(99);
  expect(late.outcome.status).toBe("pending");
  await clock.advance(1);
  expect(late.outcome).toMatchObject({ reason: expect.any(DeadlineExceededError) as unknown });
  other.release();
  expect(handles.inspect()).toMatchObject({ held: 0, queued: 0 });
});

test("a pause is no longer when the clock is put back", async () => {
  let back = 0;
  const jumping = {
    now: () => clock.now() - back,
    date: () => clock.date(),
    random: () => clock.random(),
    setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms),
  };
  const handles = handlesOf({ clock: jumping });
  const context = root.withCancel();
  const canceled = observe(handles.run(failing(1), { signal: context }));
  await clock.advance(0);
  context.cancel();
  back = 3_600_000;
  const next = handles.run(() => "ran");
  await clock.advance(15);
  expect(await next).toBe("ran");
  expect(canceled.outcome.status).toBe("rejected");
});

test("hooks see every wait and every handle, and that nothing is left", async () => {
  const recorded = new RecordedHooks();
  const previous = installHooks(recorded);
  try {
    const handles = handlesOf({ limit: 2, name: "logs" });
    const reading = handles.run(failing(1), { weight: 2 });
    const context = root.withCancel();
    const canceled = observe(handles.permit(1, { signal: context }));
    context.cancel();
    await clock.advance(15);
    await reading;
    expect(canceled.outcome.status).toBe("rejected");
  } finally {
    installHooks(previous);
  }
  expect(recorded.open).toEqual([]);
  expect(recorded.events).toEqual([
    "resourceCreated file-handles logs 2",
    "acquired logs 2",
    "blocked logs 1",
    "unblocked logs false",
    "blocked logs 2",
    "released logs 2",
    "unblocked logs true",
    "acquired logs 2",
    "released logs 2",
  ]);
});

describe("misuse", () => {
  const refused: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });

  test.each([
    { reserve: 1 },
    { reserve: -0.1 },
    { reserve: Number.NaN },
    { reserve: "20%" },
    { limit: 0 },
    { limit: -1 },
    { limit: 1.5 },
    { limit: Number.POSITIVE_INFINITY },
    { limit: "8" },
    { maxQueue: -1 },
    { maxQueue: 0.5 },
    { descriptors: 256 },
  ])("is refused when made: %j", (options) => {
    expect(() => handlesOf(options as Partial<FileHandlesOptions>)).toThrow(refused);
  });

  test.each([
    undefined,
    {},
    { softLimit: -1, open: 0 },
    { softLimit: Number.NaN, open: 0 },
    { softLimit: 256, open: -1 },
    { softLimit: 256, open: Number.POSITIVE_INFINITY },
    { softLimit: "256", open: 0 },
  ])("of descriptors() is refused: %j", (usage) => {
    expect(() => new FileHandles({ descriptors: () => usage as never })).toThrow(refused);
  });

  test("of weights, tasks and options is refused, and nothing is held", async () => {
    const handles = handlesOf();
    for (const weight of [0, -1, 1.5, Number.NaN, "1" as unknown as number]) {
      expect(() => handles.tryPermit(weight)).toThrow(refused);
      // oxlint-disable-next-line no-await-in-loop
      await expect(handles.permit(weight)).rejects.toEqual(refused);
      // oxlint-disable-next-line no-await-in-loop
      await expect(handles.run(() => {}, { weight })).rejects.toEqual(refused);
    }
    await expect(handles.run(42 as unknown as () => number)).rejects.toEqual(refused);
    await expect(handles.permit(1, { timeout: "soon" as "1s" })).rejects.toEqual(refused);
    await expect(handles.permit(1, { signal: {} as AbortSignal })).rejects.toEqual(refused);
    expect(handles.inspect()).toMatchObject(idle);
  });
});

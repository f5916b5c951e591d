// Deadlocks of real semaphores, groups and pools, as a monitor sees them.
import { Channel, Group, ReentrantSemaphore, Semaphore, WaitGroup } from "snowshed";
import type { Monitor } from "snowshed/diagnostics";
import { disable, enable, findDeadlocks, snapshot } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { Pool } from "snowshed/throttle";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";

let clock: FakeClock;
let monitor: Monitor;
let told: string[];

beforeEach(() => {
  clock = new FakeClock();
  monitor = enable("test", { clock });
  told = [];
  monitor.onWarning(({ code, message }) => void told.push(`${code} ${message}`));
});
afterEach(disable);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The names of the tasks in each deadlock. */
function deadlocks(): string[][] {
  const names = new Map(snapshot().tasks.map(({ id, name }) => [id, name]));
  return findDeadlocks().map(({ tasks }) => tasks.map((id) => names.get(id) ?? `#${id}`));
}

/** Two tasks, each of which takes one, then the other. */
function crossed(left: Semaphore, right: Semaphore, wait?: { readonly timeout: "2s" }): Group {
  const group = new Group({ failFast: false });
  const take = (first: Semaphore, second: Semaphore) => () =>
    first.run(async () => {
      await turn();
      await second.run(() => {}, wait);
    });
  group.go(take(left, right), { name: "left, then right" });
  group.go(take(right, left), { name: "right, then left" });
  return group;
}

describe("finds", () => {
  test("two tasks that hold what the other waits for; warns of it when it is still there a sweep later", async () => {
    const [left, right] = [new Semaphore(1, { name: "left" }), new Semaphore(1, { name: "right" })];
    const group = crossed(left, right);
    await turn();
    expect(deadlocks()).toEqual([]);
    await clock.advance("1s");
    const [deadlock] = findDeadlocks();
    expect(deadlock).toMatchObject({ certainty: "suspected", tasks: [1, 2], behind: 0 });
    expect(snapshot().deadlocks).toEqual([{ certainty: "suspected", tasks: [1, 2], resources: deadlock?.resources }]);
    await clock.advance("2s");
    expect(told).toEqual([
      'SS003 suspected deadlock: task 1 "left, then right" waits for semaphore "right" of 1, held by #2 (1); ' +
        'task 2 "right, then left" waits for semaphore "left" of 1, held by #1 (1)',
    ]);
    // Once for the same two functions and semaphores.
    await clock.advance("10s");
    expect(told).toHaveLength(1);
    left.resize(2);
    await turn();
    expect(deadlocks()).toEqual([]);
    await group.wait();
  });

  test("a task that waits for itself, and counts those behind it", async () => {
    const database = new Semaphore(2, { name: "database" });
    const group = new WaitGroup();
    group.go(() => database.run(() => database.run(() => {}, { weight: 2 })), { name: "nested" });
    for (let n = 0; n < 3; n++) group.go(() => database.run(() => {}), { name: "other" });
    await turn();
    await clock.advance("29s");
    // It may be at work elsewhere, as in the next test.
    expect(findDeadlocks()).toEqual([]);
    expect(findDeadlocks({ grace: "20s" })).toMatchObject([{ tasks: [1], behind: 3 }]);
    await clock.advance("2s");
    expect(findDeadlocks()).toMatchObject([{ tasks: [1], behind: 3 }]);
    await clock.advance("2s");
    expect(told).toContainEqual(expect.stringMatching(/^SS003 suspected deadlock: task 1 "nested"/));
    database.resize(3);
    await group.wait();
  });

  test("a holder that waits for the group whose tasks wait for what it holds", async () => {
    const slots = new Semaphore(1, { name: "slots" });
    const outer = new WaitGroup();
    outer.go(
      () =>
        slots.run(async () => {
          const inner = new Group({ name: "inner" });
          inner.go(() => slots.run(() => {}), { name: "child" });
          await inner.wait();
        }),
      { name: "parent" },
    );
    await turn();
    await clock.advance("3s");
    expect(deadlocks()).toEqual([["parent", "child"]]);
    expect(told[0]).toBe(
      'SS003 suspected deadlock: task 1 "parent" waits for group "inner" until #2 has ended; ' +
        'task 2 "child" waits for semaphore "slots" of 1, held by #1 (1)',
    );
    slots.resize(2);
    await outer.wait();
  });

  test("clients of a pool, of which each task needs two", async () => {
    const pool = new Pool({ create: () => ({}), max: 2, acquireTimeout: Number.POSITIVE_INFINITY, clock });
    const group = new Group({ failFast: false });
    const nested = (): Promise<void> =>
      pool.run(async () => {
        await turn();
        await pool.run(() => {});
      });
    group.go(nested, { name: "first" });
    group.go(nested, { name: "second" });
    for (let n = 0; n < 5; n++) await turn();
    await clock.advance("32s");
    expect(deadlocks()).toEqual([["first", "second"]]);
    await pool.close({ timeout: 0 }).catch(() => {});
    await group.wait().catch(() => {});
  });

  test("owners of reentrant semaphores: suspected, since nothing says that they await what they asked for", async () => {
    const [left, right] = [new ReentrantSemaphore(1), new ReentrantSemaphore(1)];
    const group = new Group({ failFast: false });
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const impatient = (first: ReentrantSemaphore, second: ReentrantSemaphore) => () =>
      first.run(async () => {
        await turn();
        await Promise.race([second.run(() => {}), released]);
      });
    group.go(impatient(left, right), { name: "one" });
    group.go(impatient(right, left), { name: "other" });
    for (let n = 0; n < 3; n++) await turn();
    await clock.advance("1s");
    expect(findDeadlocks()).toMatchObject([{ certainty: "suspected", tasks: [1, 2] }]);
    // And yet they go on.
    release();
    await group.wait();
    expect(findDeadlocks()).toEqual([]);
  });

  test("with certainty what the engine has proved: both semaphores are gone with their tasks", async () => {
    disable();
    // A second of its own: the registry of the engine knows no other clock.
    enable("test", { clock, silence: ["SS004"] }).onWarning(
      ({ code, message }) => void told.push(`${code} ${message}`),
    );
    crossed(new Semaphore(1), new Semaphore(1));
    await turn();
    await clock.advance("7s");
    await collectedSomething();
    expect(findDeadlocks()).toMatchObject([{ certainty: "certain", tasks: [1, 2] }]);
    await clock.advance("1s");
    expect(told).toContainEqual(
      expect.stringMatching(/^SS002 deadlock: task 1 "left, then right" waits for semaphore/),
    );
  });

  test("who waits for what a leaked task holds", async () => {
    const database = new Semaphore(1, { name: "database" });
    const group = new WaitGroup();
    group.go(() => database.run(() => new Promise(() => {})), { name: "lost" });
    group.go(() => database.run(() => {}), { name: "next" });
    await turn();
    await clock.advance("7s");
    expect(findDeadlocks()).toEqual([]);
    await collectedSomething();
    expect(findDeadlocks()).toMatchObject([{ certainty: "suspected", tasks: [1, 2], behind: 0 }]);
    database.release();
    await turn();
    expect(findDeadlocks()).toEqual([]);
  });
});

/** Lets the garbage collector run, and what it has found be told. */
async function collectedSomething(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await turn();
    expect(await collected(() => new WeakRef({}))).toBe(true);
    for (let each = 0; each < 3; each++) await turn();
  }
}

describe("takes back", () => {
  test("the suspicion of a permit that goes from hand to hand", async () => {
    const [left, right] = [new Semaphore(1, { name: "left" }), new Semaphore(1, { name: "right" })];
    const group = new Group();
    let release!: () => void;
    const helper = new Promise<void>((resolve) => (release = resolve));
    const taker = async (): Promise<void> => {
      await turn();
      await left.run(() => {});
    };
    group.go(() => right.run(taker), { name: "taker" });
    group.go(
      async () => {
        await left.acquire();
        // Somebody else will give it back.
        void helper.then(() => left.release());
        await right.run(() => {});
      },
      { name: "giver" },
    );
    await turn();
    await clock.advance("3s");
    const found = findDeadlocks();
    release();
    await group.wait();
    expect(findDeadlocks()).toEqual([]);
    expect(snapshot().deadlocks).toEqual([]);
    // The control: it was suspected, and no more than that.
    expect(found).toMatchObject([{ certainty: "suspected" }]);
    expect(told.filter((text) => text.startsWith("SS002"))).toEqual([]);
  });
});

describe("finds none", () => {
  test("where a wait has a timeout", async () => {
    const group = crossed(new Semaphore(1), new Semaphore(1), { timeout: "2s" });
    await turn();
    await clock.advance("1.5s");
    expect(findDeadlocks()).toEqual([]);
    expect(told).toEqual([]);
    await group.wait().catch(() => {});
  });

  test.each([1, 2, 3])("where %d tasks load lists through one semaphore, however slow the calls are", async (tasks) => {
    const database = new Semaphore(2, { name: "database" });
    const http = new Semaphore(3, { name: "http" });
    const group = new Group();
    const call = () => new Promise<void>((resolve) => void clock.setTimeout(resolve, 20_000));
    const page = () => Promise.all(Array.from({ length: 4 }, () => database.run(() => http.run(call))));
    for (let n = 0; n < tasks; n++) group.go(page, { name: "page" });
    const ended = group.wait();
    let most = 0;
    for (let second = 0; second < 50 * tasks; second++) {
      await clock.advance("1s");
      await turn();
      expect(deadlocks()).toEqual([]);
      most = Math.max(most, snapshot().resources[0]?.pending ?? 0);
    }
    expect(most).toBeGreaterThan(0);
    await ended;
    expect(told.filter((warning) => /^SS00[123]/.test(warning))).toEqual([]);
  });

  test("where there is enough for both", async () => {
    const group = crossed(new Semaphore(2), new Semaphore(1));
    await turn();
    await turn();
    await clock.advance("5s");
    expect(findDeadlocks()).toEqual([]);
    await group.wait();
  });

  test("where somebody waits for a message", async () => {
    const letters = new Channel<string>();
    const lock = new Semaphore(1);
    const group = new WaitGroup();
    group.go(() => lock.run(() => letters.receive()));
    group.go(() => lock.run(() => {}));
    await clock.advance("5s");
    expect(findDeadlocks()).toEqual([]);
    await letters.send("go on");
    await group.wait();
  });

  test("where who waits also sleeps: it waits for whichever comes first", async () => {
    const lock = new Semaphore(1);
    const group = new Group();
    group.go(async (context) => {
      await lock.acquire();
      void lock.acquire().then(() => lock.release(2));
      await context.sleep("10s");
      lock.resize(2);
    });
    await clock.advance("5s");
    expect(findDeadlocks()).toEqual([]);
    await group[Symbol.asyncDispose]().catch(() => {});
  });

  test("without a monitor", () => {
    disable();
    expect(findDeadlocks()).toEqual([]);
  });
});

test.each([-1, Number.NaN, "soon"])("misuse: a grace of %s", (grace) => {
  expect(() => findDeadlocks({ grace: grace as never })).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error,
  );
});

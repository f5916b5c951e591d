import * as fc from "fast-check";
import {
  batch,
  Channel,
  Context,
  forEachConcurrent,
  Group,
  mapConcurrent,
  receive,
  ReentrantSemaphore,
  select,
  Semaphore,
  send,
  WaitGroup,
} from "snowshed";
import { FakeClock } from "snowshed/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { hooks, installHooks } from "../src/hooks.ts";
import { deferred, drained } from "./support/promises.ts";
import { RecordedHooks } from "./support/recorded-hooks.ts";

let recorded: RecordedHooks;
beforeEach(() => {
  recorded = new RecordedHooks();
  installHooks(recorded);
});
afterEach(() => void installHooks(null));

const quiet = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {});

const scenarios = {
  "a semaphore whose waiters are granted, canceled, timed out, refused and called off": async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const semaphore = new Semaphore(2, { name: "database" });
    await semaphore.acquire(2);
    const [granted, canceled] = [semaphore.acquire(), quiet(semaphore.acquire(1, { signal: context }))];
    const timed = quiet(semaphore.acquire(1, { signal: Context.root({ clock }), timeout: 5 }));
    const oversize = quiet(semaphore.acquire(2));
    expect(semaphore.tryAcquire()).toBe(false);
    context.cancel();
    await clock.advance(5);
    semaphore.resize(1);
    semaphore.release(2);
    await Promise.all([granted, canceled, timed, oversize]);
    const late = Context.background.withCancel();
    const calledOff = quiet(semaphore.acquire(1, { signal: late }));
    semaphore.release();
    late.cancel();
    await calledOff;
    await semaphore.run(() => {});
    expect(() => semaphore.release()).toThrow("held");
    (await semaphore.permit()).release();
    expect(semaphore.available).toBe(1);
  },
  "a reentrant semaphore that is entered again": async () => {
    const lock = new ReentrantSemaphore(1, { name: "lock" });
    await Promise.all([1, 2].map(() => lock.run(() => lock.run(() => drained()))));
  },
  "a channel whose operations wait, are canceled, and see it closed": async () => {
    const context = Context.background.withCancel();
    const channel = new Channel<number>(1);
    const received = channel.receive();
    await channel.send(1);
    await received;
    await channel.send(2);
    const waiting = [quiet(channel.send(3)), quiet(channel.send(4, { signal: context })), quiet(channel.send(5))];
    context.cancel();
    channel.tryReceive();
    channel.close();
    for await (const _ of channel);
    const empty = new Channel();
    waiting.push(empty.receive(), quiet(empty.receive({ signal: context.withoutCancel() })));
    empty.close();
    await Promise.all(waiting);
  },
  "selects of which one case wins, all are canceled, and one meets a closed channel": async () => {
    const [one, two] = [new Channel<number>(), new Channel<number>()];
    const context = Context.background.withCancel();
    const won = select([receive(one), receive(two), null]);
    await two.send(1);
    await won;
    const canceled = quiet(select([receive(one), send(two, 1)], { signal: context }));
    context.cancel();
    await canceled;
    const closed = quiet(select([send(one, 1), receive(two)]));
    one.close();
    await closed;
  },
  "a wait group with tasks that end well and badly": async () => {
    const group = new WaitGroup();
    group.go(() => drained());
    group.go(() => {
      throw new Error("failed");
    });
    group.add();
    group.done();
    await quiet(group.wait());
  },
  "a group with tasks that run, wait for their turn, fail and are skipped": async () => {
    const group = new Group({ concurrency: 1 });
    group.go(() => drained(), { name: "running" });
    group.go(() => Promise.reject(new Error("failed")), { name: "failing" });
    group.go(() => {}, { name: "skipped" });
    const child = group.child();
    child.go(() => drained(), { name: "of the child" });
    await quiet(group.wait());
    const canceled = new Group({ concurrency: 0 });
    canceled.go(() => {});
    canceled.cancel();
    canceled.go(() => {});
    expect(canceled.tryGo(() => {})).toBe(undefined);
    await quiet(canceled.wait());
  },
  "maps that end, fail and are left": async () => {
    await forEachConcurrent([1, 2, 3], () => drained(), { concurrency: 2 });
    const failing = (item: number): unknown => (item === 2 ? Promise.reject(new Error("failed")) : drained());
    await quiet(forEachConcurrent([1, 2, 3], failing, { concurrency: 2 }));
    for await (const item of mapConcurrent([1, 2, 3], (n) => n, { concurrency: 2 })) if (item === 1) break;
  },
  "contexts that sleep, and are canceled in their sleep": async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const [slept, canceled] = [context.sleep(5), quiet(context.sleep(10))];
    await clock.advance(5);
    context.cancel();
    await Promise.all([slept, canceled]);
  },
  "a batch with failures": async () => {
    const call = async (n: number): Promise<number> => (n === 2 ? Promise.reject(new Error("failed")) : n);
    await batch([1, 2, 3], call, { fallback: { value: () => 0, threshold: 0 }, clock: new FakeClock() });
  },
};

describe("installHooks()", () => {
  test("returns the watcher that was there", () => {
    const other = new RecordedHooks();
    expect(installHooks(other)).toBe(recorded);
    expect(hooks).toBe(other);
    expect(installHooks(null)).toBe(other);
    expect(installHooks(null)).toBe(null);
    expect(hooks).toBe(null);
  });
});

describe("what is reported adds up when all is over", () => {
  test.for(Object.entries(scenarios))("%s", async ([, scenario]) => {
    await scenario();
    await drained();
    expect(recorded.events.length).toBeGreaterThan(0);
    expect(recorded.open).toEqual([]);
  });
});

describe("without a watcher nothing is reported", () => {
  test.for(Object.entries(scenarios))("%s", async ([, scenario]) => {
    installHooks(null);
    await scenario();
    await drained();
    expect(recorded.events).toEqual([]);
  });

  test("and one that leaves in the middle of the work hears no more, and breaks nothing", async () => {
    const semaphore = new Semaphore(1);
    const group = new Group();
    const gate = deferred();
    const tasks = [group.go(() => semaphore.run(() => gate.promise)), group.go(() => semaphore.run(() => 2))];
    const { length } = recorded.events;
    installHooks(null);
    gate.resolve();
    await group.wait();
    expect([tasks[1]!.value, semaphore.available, recorded.events.length]).toEqual([2, 1, length]);
  });

  test("and one that comes in the middle of the work breaks nothing", async () => {
    installHooks(null);
    const semaphore = new Semaphore(1);
    const waitGroup = new WaitGroup();
    const gate = deferred();
    for (let index = 0; index < 3; index++) waitGroup.go(() => semaphore.run(() => gate.promise));
    const each = forEachConcurrent([1, 2], () => gate.promise, { concurrency: 2 });
    installHooks(recorded);
    gate.resolve();
    await Promise.all([waitGroup.wait(), each]);
    expect(semaphore.available).toBe(1);
  });
});

describe("the control: the record finds", () => {
  test("what is never given back, never granted and never ended", () => {
    const semaphore = new Semaphore(2, { name: "leaking" });
    expect(semaphore.tryAcquire(2)).toBe(true);
    void semaphore.acquire();
    new Group().go(() => new Promise(() => {}), { name: "stuck" });
    expect(recorded.open).toEqual(["somebody waits for leaking", "2 of leaking held", "stuck started"]);
  });

  test("reports that contradict each other", () => {
    const [resource, task] = [{}, {}];
    recorded.resourceCreated(resource, "semaphore", "twice", 1);
    recorded.released(resource, 1);
    recorded.unblocked(resource, {}, true);
    recorded.taskCreated(task, resource, "task");
    recorded.taskEnded(task, "fulfilled");
    recorded.acquired({}, 1);
    expect(recorded.open).toEqual([
      "twice: released more than acquired",
      "twice: unblocked without blocked",
      "task task ended when created",
      "an unknown resource",
    ]);
  });
});

describe("the order of the reports", () => {
  test("of a semaphore", async () => {
    const semaphore = new Semaphore(2, { name: "database" });
    await semaphore.acquire(2);
    const waiting = semaphore.acquire(1);
    semaphore.release(2);
    await waiting;
    semaphore.release();
    expect(recorded.events).toEqual([
      "resourceCreated semaphore database 2",
      "acquired database 2",
      "blocked database 1",
      "released database 2",
      "unblocked database true",
      "acquired database 1",
      "released database 1",
    ]);
  });

  test("of a group", async () => {
    const group = new Group({ name: "requests", concurrency: 1 });
    group.go(() => {}, { name: "first" });
    group.go(() => Promise.reject(new Error("failed")), { name: "second" });
    group.go(() => {}, { name: "third" });
    await quiet(group.wait());
    expect(recorded.events).toEqual([
      "resourceCreated group requests 1",
      "taskCreated requests first",
      "taskStarted first",
      "taskCreated requests second",
      "taskCreated requests third",
      "blocked requests 1",
      "taskEnded first fulfilled",
      "taskStarted second",
      "taskEnded third skipped",
      "taskEnded second rejected",
      "unblocked requests true",
    ]);
  });

  test("of a wait group and a map", async () => {
    const group = new WaitGroup({ name: "jobs" });
    group.go(function job() {});
    await group.wait();
    await forEachConcurrent([1], function visit() {}, { concurrency: 3 });
    expect(recorded.events).toEqual([
      "resourceCreated wait-group jobs Infinity",
      "taskCreated jobs job",
      "taskStarted job",
      "blocked jobs 1",
      "taskEnded job fulfilled",
      "unblocked jobs true",
      "resourceCreated map 3",
      "taskCreated map visit",
      "taskStarted visit",
      "taskEnded visit fulfilled",
    ]);
  });

  test("of a channel: one blocked and one unblocked for each wait, granted or not", async () => {
    const channel = new Channel<number>();
    const received = channel.receive();
    await channel.send(1);
    await received;
    const refused = quiet(channel.send(2));
    channel.close();
    await refused;
    expect(recorded.events).toEqual([
      "resourceCreated channel 0",
      "blocked channel 1",
      "unblocked channel true",
      "blocked channel 1",
      "unblocked channel false",
    ]);
  });
});

describe("of the rest", () => {
  test("a permit is reported with its semaphore, and when it is released, once", async () => {
    const permit = await new Semaphore(3, { name: "database" }).permit(2);
    permit.release();
    permit.release();
    expect(recorded.events.slice(1)).toEqual([
      "acquired database 2",
      "permitCreated database 2",
      "permitReleased",
      "released database 2",
    ]);
  });

  test("one granted and canceled in the same tick is called off before it gives back", async () => {
    const semaphore = new Semaphore(1, { name: "database" });
    await semaphore.acquire();
    const context = Context.background.withCancel();
    const waiting = quiet(semaphore.acquire(1, { signal: context }));
    recorded.events.length = 0;
    semaphore.release();
    context.cancel();
    await waiting;
    expect(recorded.events).toEqual([
      "released database 1",
      "unblocked database true",
      "acquired database 1",
      "calledOff",
      "released database 1",
    ]);
  });

  test("misuse is reported with the code of the error it throws", async () => {
    const group = new Group();
    await group.wait();
    expect(() => group.go(() => {})).toThrow("go()");
    expect(() => new Semaphore(1).release()).toThrow("held");
    expect(() => new WaitGroup().done()).toThrow("done()");
    expect(recorded.events.filter((event) => event.startsWith("misuse")).map((event) => event.split(" ")[1])).toEqual([
      "SNOWSHED_GROUP_CLOSED",
      "SNOWSHED_OVER_RELEASE",
      "SNOWSHED_NEGATIVE_COUNTER",
    ]);
  });

  test("a scope is awaited if somebody finds it ended, or another waits for it", async () => {
    const group = new Group({ name: "outer" });
    group.child({ name: "inner" });
    await new WaitGroup({ name: "idle" }).wait();
    expect(recorded.events.filter((event) => event.startsWith("awaited"))).toEqual(["awaited inner", "awaited idle"]);
  });

  test("a wait says how long it can last", () => {
    const patience: (number | undefined)[] = [];
    recorded.blocked = (_resource, _weight, _wait, longest?: number) => void patience.push(longest);
    const { signal } = new AbortController();
    const semaphore = new Semaphore(0);
    void semaphore.acquire(1, { allowOversize: true });
    void semaphore.acquire(1, { allowOversize: true, signal });
    void quiet(semaphore.acquire(1, { allowOversize: true, signal, timeout: "1ms" }));
    const channel = new Channel();
    void channel.receive();
    void channel.receive({ signal });
    void select([receive(channel)]);
    void new Group().wait({ signal });
    expect(patience).toEqual([Infinity, undefined, 1, Infinity, undefined, Infinity, undefined]);
  });
});

describe("the body of a task runs inside runTask(), and what it promises is told", () => {
  const bodies = {
    "of a group": (body: () => unknown) => new Group().go(body),
    "of a group, after its turn": (body: () => unknown) => {
      const group = new Group({ concurrency: 0 });
      group.go(body);
      group.concurrency = 1;
    },
    "of a wait group": (body: () => unknown) => new WaitGroup().go(body),
    "of a loop": (body: () => unknown) => forEachConcurrent([1], body, { concurrency: 1 }),
  };

  test.for(Object.entries(bodies))("%s", async ([, start]) => {
    let depth = 0;
    const promises: Promise<unknown>[] = [];
    recorded.runTask = (_task, body) => {
      depth++;
      try {
        return body();
      } finally {
        depth--;
      }
    };
    recorded.taskPromise = (_task, promise) => void promises.push(promise);
    let seen = 0;
    const promise = drained();
    void start(() => {
      seen = depth;
      return promise;
    });
    await drained();
    expect([seen, depth, promises]).toEqual([1, 0, [promise]]);
  });

  test("nothing is told of a body that promises nothing", async () => {
    const group = new Group();
    let told = 0;
    recorded.taskPromise = () => void told++;
    group.go(() => 1);
    await group.wait();
    expect(told).toBe(0);
  });

  test("and a watcher that leaves when the task starts does not keep the body from running", async () => {
    recorded.taskStarted = () => void installHooks(null);
    expect(await new Group().go(() => 42)).toBe(42);
  });
});

describe("two copies of the package", () => {
  test("share the watcher, also one that was there before the second was loaded", async () => {
    vi.resetModules();
    const copy = await import("../src/hooks.ts");
    expect(copy.installHooks).not.toBe(installHooks);
    expect(copy.hooks).toBe(recorded);
    const other = new RecordedHooks();
    expect(copy.installHooks(other)).toBe(recorded);
    expect(hooks).toBe(other);
    expect([installHooks(null), copy.hooks, hooks]).toEqual([other, null, null]);
  });
});

describe("under any interleaving", () => {
  test("what is reported adds up", async () => {
    const worker = fc.record({
      weight: fc.nat(3),
      kind: fc.constantFrom("run", "send", "receive", "select"),
      cancel: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(worker, { minLength: 1, maxLength: 8 }), async (scheduler, workers) => {
        const record = new RecordedHooks();
        installHooks(record);
        const semaphore = new Semaphore(3);
        const [channel, other] = [new Channel<number>(1), new Channel<number>()];
        const group = new Group({ concurrency: 4, failFast: false });
        const turn = (): Promise<void> => scheduler.schedule(Promise.resolve());
        for (const { weight, kind, cancel } of workers) {
          const own = group.context.withCancel();
          if (cancel) void turn().then(() => own.cancel());
          group.go(async () => {
            await turn();
            if (kind === "run") await semaphore.run(turn, { weight, signal: own });
            else if (kind === "send") await channel.send(weight, { signal: own });
            else if (kind === "receive") await channel.receive({ signal: own });
            else await select([receive(channel), send(other, weight), receive(other)], { signal: own });
          });
        }
        const waited = quiet(group.wait());
        void turn().then(() => semaphore.resize(2));
        await scheduler.waitIdle();
        group.cancel();
        await scheduler.waitIdle();
        await waited;
        expect(record.open).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

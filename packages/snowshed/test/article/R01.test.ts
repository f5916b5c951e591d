// Chapter 1: the comparison table of WaitGroup, errgroup and semaphore, and its two snippets.
import type { Context } from "snowshed";
import { Group, Semaphore, WaitGroup } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

type Task = (context: Context) => Promise<void>;

/** What each primitive offers for starting a task under a parent, and for waiting until all have ended. */
interface Contender {
  start(task: Task): void;
  wait(): Promise<void>;
}

const contenders = {
  WaitGroup: (parent: Context): Contender => {
    const group = new WaitGroup();
    // It has no context of its own to hand out, and none to be canceled by.
    return { start: (task) => group.go(() => task(parent.withoutCancel())), wait: () => group.wait() };
  },
  Group: (parent: Context): Contender => {
    const group = new Group({ signal: parent });
    return { start: (task) => void group.go(task), wait: () => group.wait() };
  },
  "Group with concurrency": (parent: Context): Contender => {
    const group = new Group({ signal: parent, concurrency: 8 });
    return { start: (task) => void group.go(task), wait: () => group.wait() };
  },
  Semaphore: (parent: Context): Contender => {
    const semaphore = new Semaphore(8);
    const start = (task: Task): void => {
      // Nobody is there to take the error, and nobody to wait: it only limits.
      semaphore.run(() => task(parent), { signal: parent }).catch(() => {});
    };
    return { start, wait: () => Promise.resolve() };
  },
};
type Name = keyof typeof contenders;

/** Each row of the table as something that is run and looked at. */
const rows = {
  async "waits for the end of 10 tasks"(make: (parent: Context) => Contender): Promise<boolean> {
    const contender = make(root);
    let ended = 0;
    for (let count = 0; count < 10; count++)
      contender.start(({ clock: own }) => pause(own, 10).then(() => void ended++));
    let endedAtWait = -1;
    void contender.wait().then(() => {
      endedAtWait = ended;
    });
    await clock.advance(100);
    return endedAtWait === 10;
  },

  async "ends all of them when any one fails"(make: (parent: Context) => Contender): Promise<boolean> {
    const parent = root.withCancel();
    const contender = make(parent);
    let told = 0;
    contender.start(async () => {
      await pause(clock, 1);
      throw new Error("one of them");
    });
    for (let count = 0; count < 9; count++) {
      contender.start(async (context) => {
        if (context.aborted) return;
        context.onAbort(() => told++);
        await pause(clock, 50);
      });
    }
    const ended = outcome(contender.wait());
    await clock.advance(2);
    const all = told >= 7;
    await clock.advance(200);
    await ended;
    return all;
  },

  async "has at most 8 running"(make: (parent: Context) => Contender): Promise<boolean> {
    const contender = make(root);
    let alive = 0;
    let most = 0;
    for (let count = 0; count < 20; count++) {
      contender.start(async () => {
        most = Math.max(most, ++alive);
        await pause(clock, 10);
        alive--;
      });
    }
    const ended = contender.wait();
    await clock.advance(100);
    await ended;
    return most === 8;
  },

  async "takes a context that cancels what runs or waits"(make: (parent: Context) => Contender): Promise<boolean> {
    const parent = root.withCancel();
    const contender = make(parent);
    let begun = 0;
    let told = 0;
    for (let count = 0; count < 10; count++) {
      contender.start(async (context) => {
        begun++;
        context.onAbort(() => told++);
        await pause(clock, 10);
      });
    }
    const ended = outcome(contender.wait());
    parent.cancel();
    await clock.advance(100);
    await ended;
    return told === begun && (begun === 10 || told === 8);
  },
};

/** A pause that heeds no cancellation. */
function pause(on: { setTimeout(callback: () => void, ms: number): unknown }, ms: number): Promise<void> {
  return new Promise((resolve) => {
    on.setTimeout(resolve, ms);
  });
}

describe("R01: the table of chapter 1", () => {
  // As in the article, with one correction: an errgroup does limit (SetLimit), which is Group's `concurrency`.
  test.each<[keyof typeof rows, Record<Name, boolean>]>([
    [
      "waits for the end of 10 tasks",
      { WaitGroup: true, Group: true, "Group with concurrency": true, Semaphore: false },
    ],
    [
      "ends all of them when any one fails",
      { WaitGroup: false, Group: true, "Group with concurrency": true, Semaphore: false },
    ],
    ["has at most 8 running", { WaitGroup: false, Group: false, "Group with concurrency": true, Semaphore: true }],
    [
      "takes a context that cancels what runs or waits",
      { WaitGroup: false, Group: true, "Group with concurrency": true, Semaphore: true },
    ],
  ])("%s: %o", async (row, expected) => {
    const measured = {} as Record<Name, boolean>;
    for (const name of Object.keys(contenders) as Name[]) measured[name] = await rows[row](contenders[name]);
    expect(measured).toEqual(expected);
  });

  test("a WaitGroup's waiter can leave on a context, and its tasks know nothing of that", async () => {
    const group = new WaitGroup();
    group.go(() => pause(clock, 10));
    const context = root.withTimeout(5);
    const waiting = observe(group.wait({ signal: context }));
    await clock.advance(5);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect(group.count).toBe(1);
    await clock.advance(5);
    expect(group.count).toBe(0);
  });
});

describe("R01: `_, _ = http.Get(u)` in a WaitGroup", () => {
  const urls = ["/a", "/broken", "/c"];
  const get = async (url: string): Promise<string> => {
    if (url === "/broken") throw new Error(`GET ${url}: connection refused`);
    return `body of ${url}`;
  };

  test("hides every error: after wait() nobody can tell that one failed", async () => {
    const group = new WaitGroup();
    for (const url of urls) {
      group.add();
      void (async () => {
        try {
          await get(url);
        } catch {
          // The Go code assigns the error to `_`.
        } finally {
          group.done();
        }
      })();
    }
    expect(await outcome(group.wait())).toEqual({ status: "fulfilled", value: undefined });
  });

  test("is mended by go(), whose errors surface at wait()", async () => {
    const group = new WaitGroup();
    for (const url of urls) group.go(() => get(url));
    await expect(group.wait()).rejects.toThrow("GET /broken: connection refused");
  });

  test("is mended by a Group, which gives the first error, cancels the rest, and starts nothing queued", async () => {
    const begun: string[] = [];
    const ended: string[] = [];
    const group = new Group({ signal: root, concurrency: 2 });
    // Each turn of a `for … of` has a `url` of its own: there is no loop variable to capture.
    for (const url of [...urls, "/d", "/e"]) {
      group.go(async (context) => {
        begun.push(url);
        await context.sleep(url === "/broken" ? 1 : 1000);
        ended.push(await get(url));
      });
    }
    const waiting = observe(group.wait());
    await clock.advance(1);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new Error("GET /broken: connection refused") });
    expect([begun, ended]).toEqual([["/a", "/broken"], []]);
  });
});

describe("R01: when it has to be a semaphore", () => {
  test("no more than 5 requests and 3 queries are alive, whoever makes them", async () => {
    const requests = new Semaphore(5);
    const queries = new Semaphore(3);
    const most = { requests: 0, queries: 0 };
    const alive = { requests: 0, queries: 0 };
    const work = async (kind: "requests" | "queries"): Promise<void> => {
      most[kind] = Math.max(most[kind], ++alive[kind]);
      await pause(clock, 10);
      alive[kind]--;
    };
    // Two groups that know nothing of each other share the limits.
    const groups = [new Group({ signal: root }), new Group({ signal: root })];
    for (const group of groups) {
      for (let count = 0; count < 10; count++) {
        group.go((context) => requests.run(() => work("requests"), { signal: context }));
        group.go((context) => queries.run(() => work("queries"), { signal: context }));
      }
    }
    const ended = Promise.all(groups.map((group) => group.wait()));
    await clock.advance(1000);
    await ended;
    expect(most).toEqual({ requests: 5, queries: 3 });
    await drained();
  });
});

// Tasks that nothing can ever end are found, and no others.
import { execFile } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import { runInNewContext } from "node:vm";
import { Channel, Group, Semaphore, WaitGroup } from "snowshed";
import { detectLeaks, disable, enable, profile, snapshot } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Ended } from "../support/child-process.ts";
import { collected } from "../support/garbage.ts";

afterEach(disable);

const names = async (): Promise<string[]> => (await detectLeaks({ gc: true })).map(({ name }) => name);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each(["production", "test"] as const)("with the preset %s", (preset) => {
  test.each<[name: string, body: () => Promise<unknown>]>([
    ["a promise that nobody settles", () => new Promise(() => {})],
    // oxlint-disable-next-line unicorn/no-thenable -- what query builders return
    ["a query that never answers", () => ({ then: () => {} }) as unknown as Promise<unknown>],
    ["a promise of another realm", () => runInNewContext("new Promise(() => {})") as Promise<unknown>],
    ["an emitter that was dropped", () => once(new EventEmitter(), "never")],
    [
      "a semaphore that it holds itself",
      async () => {
        const own = new Semaphore(1);
        await own.acquire();
        await own.acquire();
      },
    ],
    ["a channel without a sender", () => new Channel<number>().receive()],
    [
      "a wait group without its done()",
      () => {
        const group = new WaitGroup();
        group.add();
        return group.wait();
      },
    ],
    [
      "a group whose task is lost",
      async () => {
        const group = new Group();
        group.go(() => new Promise(() => {}), { name: "the lost one" });
        await group.wait();
      },
    ],
  ])("finds what awaits %s", async (name, body) => {
    enable(preset, { silence: ["SS004"] });
    new WaitGroup().go(body, { name });
    expect(await names()).toContain(name);
  });

  test("finds none that something can still end", async () => {
    enable(preset);
    const emitter = new EventEmitter();
    const semaphore = new Semaphore(1);
    const channel = new Channel<number>();
    let resolve!: () => void;
    const promise = new Promise<void>((settle) => (resolve = settle));
    const group = new WaitGroup();
    await semaphore.acquire();
    group.go(() => promise);
    group.go(() => once(emitter, "later"));
    group.go(() => semaphore.run(() => {}));
    group.go(() => channel.receive());
    group.go(() => new Promise((settle) => setTimeout(settle, 50)));
    expect(await names()).toEqual([]);
    resolve();
    emitter.emit("later");
    semaphore.release();
    await channel.send(1);
    await group.wait();
    expect(await names()).toEqual([]);
  });
});

test("a leak stays in the list, and is told once for each place", async () => {
  const monitor = enable("test");
  const told: string[] = [];
  monitor.onWarning(({ code, message, site }) => void told.push(`${code} ${message} ${site}`));
  const group = new WaitGroup({ name: "work" });
  for (let n = 0; n < 3; n++) group.go(() => new Promise(() => {}), { name: "lost" });
  expect(await names()).toEqual(["lost", "lost", "lost"]);
  await turn();
  expect((await detectLeaks()).map(({ state }) => state)).toEqual(["leaked", "leaked", "leaked"]);
  expect(snapshot().totals.leaked).toBe(3);
  expect(profile("leak").groups).toMatchObject([{ count: 3, name: "lost", state: "leaked" }]);
  expect(told).toEqual([
    expect.stringMatching(
      /^SS004 the task "lost" can never end: nothing is left that could wake it .*leak\.test\.ts:\d+:\d+$/,
    ),
  ]);
});

test("is found by itself, once it has lived for five seconds", async () => {
  const clock = new FakeClock();
  enable("production", { clock, silence: ["SS004"] });
  new WaitGroup().go(() => new Promise(() => {}), { name: "lost" });
  // The control: a young one is held by its record.
  await clock.advance("4s");
  await collectedSomething();
  expect(await detectLeaks()).toEqual([]);
  await clock.advance("2s");
  await collectedSomething();
  expect((await detectLeaks()).map(({ name }) => name)).toEqual(["lost"]);
});

/** Lets the garbage collector run, and what it has found be told. */
async function collectedSomething(): Promise<void> {
  expect(await collected(() => new WeakRef({}))).toBe(true);
  for (let round = 0; round < 3; round++) await turn();
}

describe("traps", () => {
  test("what leads to the semaphore hides the leak: the records do not", async () => {
    enable("test", { silence: ["SS004"] });
    const kept: Semaphore[] = [];
    const selfLocked = (keep: boolean): void => {
      new WaitGroup().go(
        async () => {
          const own = new Semaphore(1, { name: "own" });
          if (keep) kept.push(own);
          await own.acquire();
          await own.acquire();
        },
        { name: keep ? "reachable" : "unreachable" },
      );
    };
    selfLocked(true);
    selfLocked(false);
    await turn();
    // The record of the wait is there, with its name, and yet it is found.
    expect(snapshot().tasks.map(({ wait }) => wait?.name)).toEqual(["own", "own"]);
    expect(await names()).toEqual(["unreachable"]);
    expect(kept).toHaveLength(1);
  });

  test("a stack that is not text yet hides the leak: those of sites become text before", async () => {
    enable("test", { silence: ["SS004"] });
    const stacks: { stack?: string }[] = [];
    class Owner {
      readonly name: string;
      #resolve: (() => void) | null = null;

      constructor(name: string) {
        this.name = name;
      }

      wake(): void {
        this.#resolve?.();
      }

      // The frame of this method has its receiver, and that what resolves the promise.
      start(keep: boolean): void {
        const promise = new Promise<void>((resolve) => (this.#resolve = resolve));
        if (keep) {
          const raw: { stack?: string } = {};
          Error.captureStackTrace(raw);
          stacks.push(raw);
        }
        new WaitGroup().go(() => promise, { name: this.name });
      }
    }
    new Owner("with a raw stack").start(true);
    new Owner("with a site").start(false);
    expect(await names()).toEqual(["with a site"]);
    expect(snapshot().tasks.map(({ site }) => site)).toEqual([
      expect.stringMatching(/leak\.test\.ts:\d+:\d+/),
      expect.stringMatching(/leak\.test\.ts:\d+:\d+/),
    ]);
    // The control: it was the raw stack.
    expect(stacks[0]!.stack).toContain("start");
    expect(await names()).toEqual(["with a raw stack", "with a site"]);
  });
});

test("without a monitor there are none, and nothing is collected", async () => {
  expect(await detectLeaks({ gc: true })).toEqual([]);
  expect(await detectLeaks()).toEqual([]);
});

describe("soak", () => {
  const program = fileURLToPath(new URL("programs/io-soak.mjs", import.meta.url));
  const seconds = process.env["SOAK_SECONDS"] ?? "2";
  let ended: Ended;

  beforeAll(
    () =>
      new Promise<void>((resolve) => {
        const env = { ...process.env, NODE_OPTIONS: "", NODE_NO_WARNINGS: "1" };
        execFile(process.execPath, [program, seconds, "test"], { env }, (error, stdout, stderr) => {
          ended = { code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr };
          resolve();
        });
      }),
    Number(seconds) * 1000 + 60_000,
  );

  test("of all that a platform lets one await, nothing is taken for a leak, and what is planted is found", () => {
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    const outcome = JSON.parse(ended.stdout) as Readonly<Record<string, unknown>>;
    expect(outcome).toMatchObject({ wrong: [], missed: [], planted: 8 });
    expect(outcome["kinds"]).toBeGreaterThan(30);
    expect(outcome["tasks"]).toBeGreaterThan(100);
  });
});

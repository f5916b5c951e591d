import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Channel, Context, fixed, forEachConcurrent, Group, Limiter, Semaphore, WaitGroup } from "snowshed";
import { disable, enable } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { Pool, Quota } from "snowshed/throttle";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { deferred, drained } from "../support/promises.ts";

afterEach(disable);

const names = [
  "task:start",
  "task:end",
  "resource:blocked",
  "resource:acquired",
  "resource:released",
  "warning",
  "misuse",
] as const;

/** What is published until the end of the test: the channel, and of the message what does not change from run to run. */
function listen(): string[] {
  const heard: string[] = [];
  for (const name of names) {
    const listener = (message: unknown): void => {
      const facts = Object.entries(message as Readonly<Record<string, { kind: string } | string | number | null>>)
        .filter(([key]) => !["id", "age", "capacity", "first", "last", "site"].includes(key))
        .map(([key, value]) => `${key}=${typeof value === "object" && value !== null ? value.kind : String(value)}`);
      heard.push([name, ...facts].join(" "));
    };
    subscribe(`snowshed:${name}`, listener);
    onTestFinished(() => void unsubscribe(`snowshed:${name}`, listener));
  }
  return heard;
}

const quiet = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {});

describe("what is published, in this order", () => {
  test("of a semaphore", async () => {
    const clock = new FakeClock();
    enable("test", { clock, eventLoopBlocked: Number.POSITIVE_INFINITY });
    const heard = listen();
    const semaphore = new Semaphore(2, { name: "db" });
    await semaphore.acquire(2);
    const granted = semaphore.acquire();
    const context = Context.root({ clock }).withCancel();
    const canceled = quiet(semaphore.acquire(2, { signal: context }));
    await clock.advance(40);
    context.cancel();
    semaphore.release(2);
    await Promise.all([granted, canceled]);
    expect(heard).toEqual([
      "resource:acquired kind=semaphore name=db weight=2 task=null held=2 pending=0 waited=0",
      "resource:blocked kind=semaphore name=db weight=1 task=null held=2 pending=1 waited=0",
      "resource:blocked kind=semaphore name=db weight=2 task=null held=2 pending=2 waited=0",
      "resource:released kind=semaphore name=db weight=2 task=null held=0 pending=1 waited=0",
      "resource:acquired kind=semaphore name=db weight=1 task=null held=1 pending=0 waited=40",
    ]);
  });

  test("of a group", async () => {
    enable("test");
    const heard = listen();
    const group = new Group({ name: "work", concurrency: 1, failFast: true });
    group.go(() => drained(), { name: "first" });
    group.go(() => Promise.reject(new Error("failed")), { name: "second" });
    group.go(() => {}, { name: "third" });
    await quiet(group.wait());
    expect(heard).toEqual([
      "task:start name=first scope=group parent=null",
      "resource:blocked kind=group name=work weight=1 task=null held=0 pending=1 waited=0",
      "task:end name=first scope=group parent=null outcome=fulfilled",
      "task:start name=second scope=group parent=null",
      "task:end name=third scope=group parent=null outcome=skipped",
      "task:end name=second scope=group parent=null outcome=rejected",
    ]);
  });

  test("of a wait group, whose task runs a map", async () => {
    enable("test");
    const heard = listen();
    const group = new WaitGroup({ name: "jobs" });
    group.go(() => forEachConcurrent([1], function visit() {}, { concurrency: 1 }), { name: "job" });
    await group.wait();
    expect(heard).toEqual([
      "task:start name=job scope=wait-group parent=null",
      "task:start name=visit scope=map parent=1",
      "resource:blocked kind=wait-group name=jobs weight=1 task=null held=0 pending=1 waited=0",
      "task:end name=visit scope=map parent=1 outcome=fulfilled",
      "task:end name=job scope=wait-group parent=null outcome=fulfilled",
    ]);
  });

  test("of a channel: who waits for it", async () => {
    enable("test");
    const heard = listen();
    const channel = new Channel<number>(0, { name: "numbers" });
    const received = channel.receive();
    await channel.send(1);
    await received;
    expect(heard).toEqual(["resource:blocked kind=channel name=numbers weight=1 task=null held=0 pending=1 waited=0"]);
  });

  test("of a limiter, a pool and a quota", async () => {
    const clock = new FakeClock();
    enable("test", { clock, eventLoopBlocked: Number.POSITIVE_INFINITY });
    const heard = listen();
    const gate = deferred();
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 2, name: "api", clock });
    const limited = [limiter.run(() => gate.promise), limiter.run(() => {})];
    const pool = new Pool({ create: () => ({}), max: 1, name: "clients", clock });
    const pooled = [pool.run(() => gate.promise), pool.run(() => {})];
    const quota = new Quota({ limits: [{ requests: 1, per: "1s", burst: 1 }], name: "quota", clock });
    quota.tryPermit();
    const metered = quota.permit();
    await drained();
    gate.resolve();
    await clock.advance("1s");
    await Promise.all([...limited, ...pooled, metered]);
    const of = (name: string) =>
      heard
        .filter((line) => line.includes(`name=${name} `))
        .map((line) => line.split(" ")[0]!.slice("resource:".length));
    expect(of("api")).toEqual(["acquired", "blocked", "released", "acquired", "released"]);
    expect(of("clients")).toEqual(["blocked", "acquired", "blocked", "released", "acquired", "released"]);
    expect(of("quota")).toEqual(["blocked"]);
    await pool.close();
  });

  test("of a warning and of misuse", async () => {
    const monitor = enable("test");
    const heard = listen();
    const semaphore = new Semaphore(1, { name: "db" });
    const group = new WaitGroup();
    group.go(() => void quiet(Promise.resolve().then(() => semaphore.release())), { name: "swallows" });
    await drained();
    monitor.warn("SS009", "long blocked");
    monitor.warn("SS009", "long blocked");
    expect(heard.filter((line) => /^(?:warning|misuse)/.test(line))).toEqual([
      `misuse code=SNOWSHED_OVER_RELEASE detail=released 1 of the 1 permits of "db", of which only 0 are held task=1`,
      "warning code=SS009 message=long blocked task=null resource=null count=1",
    ]);
    await group.wait();
  });
});

test("nothing is published without a monitor", async () => {
  const heard = listen();
  await new Semaphore(1).run(() => {});
  const group = new Group();
  group.go(() => {});
  await group.wait();
  expect(heard).toEqual([]);
});

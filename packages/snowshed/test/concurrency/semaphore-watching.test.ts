// What a watcher is told: every wait begins and ends once, and what is acquired less what is released is what is held.
import fc from "fast-check";
import { Context, ReentrantSemaphore, Semaphore, WaitGroup } from "snowshed";
import { afterEach, describe, expect, test } from "vitest";
import type { Hooks } from "../../src/hooks.ts";
import { installHooks } from "../../src/hooks.ts";
import { drained, observe } from "../support/promises.ts";

afterEach(() => void installHooks(null));

/** Writes down all calls. */
class Ledger implements Hooks {
  readonly created: unknown[] = [];
  readonly waits = new Map<object, "blocked" | "granted" | "given up">();
  readonly tasks = new Map<object, string[]>();
  held = 0;

  resourceCreated(_resource: object, kind: string, name: string | undefined, capacity: number): void {
    this.created.push([kind, name, capacity]);
  }

  blocked(_resource: object, _weight: number, wait: object): void {
    expect(this.waits.has(wait)).toBe(false);
    this.waits.set(wait, "blocked");
  }

  unblocked(_resource: object, wait: object, granted: boolean): void {
    expect(this.waits.get(wait)).toBe("blocked");
    this.waits.set(wait, granted ? "granted" : "given up");
  }

  acquired(_resource: object, weight: number): void {
    this.held += weight;
  }

  released(_resource: object, weight: number): void {
    this.held -= weight;
    expect(this.held).toBeGreaterThanOrEqual(0);
  }

  taskCreated(task: object, _scope: object, name: string): void {
    this.tasks.set(task, [name]);
  }

  taskStarted(task: object): void {
    this.tasks.get(task)!.push("started");
  }

  taskEnded(task: object, outcome: string): void {
    this.tasks.get(task)!.push(outcome);
  }

  runTask<T>(_task: object, body: () => T): T {
    return body();
  }

  resourceResized(): void {}
  calledOff(): void {}
  permitCreated(): void {}
  permitReleased(): void {}
  taskPromise(): void {}
  awaited(): void {}
  sleepStarted(): void {}
  sleepEnded(): void {}
  misuse(): void {}

  get fates(): string[] {
    return [...this.waits.values()];
  }
}

describe("a watcher", () => {
  test("learns of a semaphore, of either kind, and of a wait group", () => {
    const ledger = new Ledger();
    installHooks(ledger);
    new Semaphore(3, { name: "a" });
    new ReentrantSemaphore(2);
    new WaitGroup({ name: "c" });
    expect(ledger.created).toEqual([
      ["semaphore", "a", 3],
      ["semaphore", undefined, 2],
      ["wait-group", "c", Number.POSITIVE_INFINITY],
    ]);
  });

  test("learns how each wait ended", async () => {
    const ledger = new Ledger();
    const semaphore = new Semaphore(2);
    installHooks(ledger);
    semaphore.tryAcquire(2);
    const context = Context.background.withCancel();
    void observe(semaphore.acquire(1));
    void observe(semaphore.acquire(1, { signal: context }));
    void observe(semaphore.acquire(2));
    expect(ledger.fates).toEqual(["blocked", "blocked", "blocked"]);
    context.cancel();
    semaphore.resize(1);
    semaphore.release(2);
    await drained();
    expect([ledger.fates, ledger.held]).toEqual([["granted", "given up", "given up"], 1]);
  });

  test("is told that one granted and canceled in the same tick gave its permits back", async () => {
    const ledger = new Ledger();
    const semaphore = new Semaphore(1);
    installHooks(ledger);
    semaphore.tryAcquire();
    const context = Context.background.withCancel();
    void observe(semaphore.acquire(1, { signal: context }));
    semaphore.release();
    context.cancel();
    await drained();
    expect(ledger.held).toBe(0);
  });

  test("can always tell what is held, and who waits, from what it was told", async () => {
    const steps = fc.array(fc.tuple(fc.constantFrom("acquire", "try", "release", "resize", "cancel"), fc.nat(3)), {
      maxLength: 25,
      size: "max",
    });
    const property = fc.asyncProperty(steps, async (all) => {
      const ledger = new Ledger();
      const semaphore = new Semaphore(3);
      installHooks(ledger);
      let context = Context.background.withCancel();
      for (const [kind, by] of all) {
        if (kind === "acquire") void observe(semaphore.acquire(by, { signal: context, allowOversize: by === 2 }));
        else if (kind === "try") semaphore.tryAcquire(by);
        else if (kind === "resize") semaphore.resize(by);
        else if (kind === "release") semaphore.release(Math.min(by, ledger.held));
        else {
          context.cancel();
          context = Context.background.withCancel();
        }
        expect(ledger.fates.filter((each) => each === "blocked")).toHaveLength(semaphore.pending);
        expect(Math.max(0, semaphore.permits - ledger.held)).toBe(semaphore.available);
        await drained();
      }
      semaphore.release(ledger.held);
      context.cancel();
      await drained();
      expect(ledger.fates).not.toContain("blocked");
    });
    await fc.assert(property, { numRuns: 150 });
  });

  test("learns of each task of a wait group, its start and its end", async () => {
    const ledger = new Ledger();
    installHooks(ledger);
    const group = new WaitGroup();
    group.go(() => {}, { name: "a" });
    group.go(async function named() {
      throw new Error("failed");
    });
    expect([...ledger.tasks.values()]).toEqual([
      ["a", "started"],
      ["named", "started"],
    ]);
    void observe(group.wait());
    await drained();
    expect([...ledger.tasks.values()]).toEqual([
      ["a", "started", "fulfilled"],
      ["named", "started", "rejected"],
    ]);
  });

  test("that comes or goes in the middle changes nothing but what it is told", async () => {
    const semaphore = new Semaphore(1);
    const group = new WaitGroup();
    semaphore.tryAcquire();
    const waiting = observe(semaphore.acquire());
    group.go(() => drained());
    const told: string[] = [];
    installHooks({
      resourceCreated: () => told.push("created"),
      blocked: () => told.push("blocked"),
      unblocked: () => told.push("unblocked"),
      acquired: () => told.push("acquired"),
      released: () => told.push("released"),
      taskCreated: () => told.push("task"),
      taskStarted: () => told.push("task"),
      taskEnded: () => told.push("task"),
      runTask: (_task, body) => body(),
      resourceResized: () => told.push("resized"),
      calledOff: () => told.push("called off"),
      permitCreated: () => told.push("permit"),
      permitReleased: () => told.push("permit"),
      taskPromise: () => told.push("task"),
      awaited: () => told.push("awaited"),
      sleepStarted: () => told.push("sleep"),
      sleepEnded: () => told.push("sleep"),
      misuse: () => told.push("misuse"),
    });
    semaphore.release();
    installHooks(null);
    await group.wait();
    expect([waiting.outcome.status, semaphore.available, semaphore.pending]).toEqual(["fulfilled", 0, 0]);
    expect(told).toEqual(["released", "unblocked", "acquired"]);
  });
});

// Random programs against a naive model: slow, and obviously right.
import { Context, Group } from "snowshed";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Deferred } from "../support/promises.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

class Failure extends Error {
  readonly index: number;

  constructor(index: number) {
    super(`task ${index}`);
    this.index = index;
  }
}

type FailFast = true | false | "even";
const failFastOption = {
  true: true,
  false: false,
  even: (error: unknown) => (error as Failure).index % 2 === 0,
} as const;

/** A group as one would explain it: arrays that are searched from the front, everything brought up to date each time. */
class ModelGroup {
  readonly states: string[] = [];
  readonly errors: number[] = [];
  fatal: number | undefined;
  canceled = false;
  interrupted = false;
  waiting = false;
  closed = false;
  limit: number;
  readonly #failFast: FailFast;
  readonly #next: (states: string[]) => number;

  constructor(limit: number, failFast: FailFast, next = (states: string[]) => states.indexOf("queued")) {
    this.limit = limit;
    this.#failFast = failFast;
    this.#next = next;
  }

  count(state: string): number {
    return this.states.filter((each) => each === state).length;
  }

  hasPlace(): boolean {
    return this.count("running") < this.limit && this.count("queued") === 0;
  }

  go(): void {
    this.states.push("queued");
  }

  finish(index: number, how: "value" | "error" | "follow"): void {
    this.states[index] = how === "value" ? "fulfilled" : "rejected";
    if (how === "follow") this.interrupted = true;
    if (how !== "error") return;
    this.errors.push(index);
    if (this.#failFast === false || (this.#failFast === "even" && index % 2 !== 0)) return;
    this.fatal ??= index;
    this.canceled = true;
  }

  update(): void {
    for (let index = 0; index < this.states.length && this.canceled; index++) {
      if (this.states[index] !== "queued") continue;
      this.states[index] = "skipped";
      this.interrupted = true;
    }
    while (this.count("running") < this.limit && this.count("queued") > 0) {
      this.states[this.#next(this.states)] = "running";
    }
    if (this.waiting && this.count("running") + this.count("queued") === 0) this.closed = true;
    if (this.closed) this.canceled = true;
  }

  view(): unknown {
    let wait: unknown = "pending";
    if (this.closed && this.errors.length > 0) wait = this.fatal ?? [...this.errors];
    else if (this.closed) wait = this.interrupted ? "cancellation" : "fulfilled";
    return {
      states: [...this.states],
      running: this.count("running"),
      queued: this.count("queued"),
      errors: [...this.errors],
      aborted: this.canceled,
      ready: this.canceled || this.hasPlace(),
      wait: this.waiting ? wait : "nobody waits",
    };
  }
}

async function viewOf(
  group: Group,
  tasks: readonly { state: string }[],
  wait: { outcome: unknown } | null,
): Promise<unknown> {
  const ready = await outcome(group.ready());
  return {
    states: tasks.map(({ state }) => state),
    running: group.running,
    queued: group.queued,
    errors: group.errors.map((error) => (error as Failure).index),
    aborted: group.context.aborted,
    ready: ready.status === "fulfilled",
    wait: wait === null ? "nobody waits" : waitView(wait.outcome as Awaited<ReturnType<typeof outcome<void>>>),
  };
}

function waitView(result: Awaited<ReturnType<typeof outcome<void>>>): unknown {
  if (result.status !== "rejected") return result.status;
  const { reason } = result;
  if (reason instanceof Failure) return reason.index;
  if (reason instanceof AggregateError) return reason.errors.map((error: Failure): unknown => error.index);
  return (reason as Error).name === "AbortError" ? "cancellation" : reason;
}

type Command =
  | { readonly do: "go" | "tryGo" | "cancel" | "wait" }
  | { readonly do: "limit"; readonly limit: number }
  | { readonly do: "finish"; readonly pick: number; readonly how: "value" | "error" | "follow" };

const limits = fc.constantFrom(0, 1, 2, 3, Infinity);
const how = fc.constantFrom("value" as const, "value" as const, "error" as const, "follow" as const);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Command>({ do: "go" }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("finish" as const), pick: fc.nat(9), how }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("limit" as const), limit: limits }) },
  { weight: 2, arbitrary: fc.constant<Command>({ do: "tryGo" }) },
  { weight: 1, arbitrary: fc.constant<Command>({ do: "cancel" }) },
  { weight: 1, arbitrary: fc.constant<Command>({ do: "wait" }) },
);
const program = [limits, fc.constantFrom<FailFast>(true, false, "even"), fc.array(command, { maxLength: 30 })] as const;

/** Runs the program on a group and on `model`, and compares what can be seen of both after every step. */
async function compare(model: ModelGroup, failFast: FailFast, commands: readonly Command[]): Promise<void> {
  const group = new Group({ concurrency: model.limit, failFast: failFastOption[`${failFast}`] });
  const tasks: { readonly state: string }[] = [];
  const gates: Deferred<unknown>[] = [];
  let wait: { outcome: unknown } | null = null;
  for (const step of commands) {
    if (step.do === "go" || step.do === "tryGo") {
      const gate = deferred<unknown>();
      const start = (): unknown => group[step.do as "go" | "tryGo"](() => gate.promise);
      if (model.closed) {
        expect(start).toThrow("after wait() has settled");
      } else {
        const expected = step.do === "go" || (!model.canceled && model.hasPlace());
        const task = start() as { readonly state: string } | undefined;
        expect(task !== undefined).toBe(expected);
        if (task !== undefined) {
          model.go();
          gates.push(gate);
          tasks.push(task);
        }
      }
    } else if (step.do === "finish") {
      const running = [...model.states.keys()].filter((index) => model.states[index] === "running");
      const index = running[step.pick % Math.max(1, running.length)];
      if (index === undefined || (step.how === "follow" && !model.canceled)) continue;
      model.finish(index, step.how);
      if (step.how === "value") gates[index]!.resolve(index);
      else gates[index]!.reject(step.how === "error" ? new Failure(index) : group.context.reason);
    } else if (step.do === "limit") {
      group.concurrency = model.limit = step.limit;
    } else if (step.do === "cancel") {
      group.cancel();
      model.canceled = true;
    } else {
      wait ??= observe(group.wait());
      model.waiting = true;
    }
    await drained();
    model.update();
    expect(await viewOf(group, tasks, wait)).toEqual(model.view());
  }
  // A failed group that is dropped with a task pending would be an unhandled rejection, and rightly.
  for (const gate of gates) gate.resolve(undefined);
  expect((await outcome(group[Symbol.asyncDispose]())).status).not.toBe("pending");
}

test("a group does what its model does, step by step", async () => {
  const property = fc.asyncProperty(...program, (limit, failFast, commands) =>
    compare(new ModelGroup(limit, failFast), failFast, commands),
  );
  await fc.assert(property, { numRuns: 400 });
});

test("the comparison fails for a model that starts the newest first", async () => {
  const wrong = (states: string[]): number => states.lastIndexOf("queued");
  const property = fc.asyncProperty(...program, (limit, failFast, commands) =>
    compare(new ModelGroup(limit, failFast, wrong), failFast, commands),
  );
  expect((await fc.check(property, { numRuns: 400, seed: 1 })).failed).toBe(true);
});

test("in whatever order things happen, limit, order, first error and end hold", async () => {
  const bodies = fc.array(fc.record({ steps: fc.nat(3), fails: fc.boolean() }), { maxLength: 8 });
  const property = fc.asyncProperty(
    fc.scheduler(),
    bodies,
    fc.integer({ min: 1, max: 4 }),
    fc.boolean(),
    fc.boolean(),
    async (scheduler, plans, limit, cancels, givesUp) => {
      const group = new Group({ concurrency: limit });
      const started: number[] = [];
      const thrown: Failure[] = [];
      let live = 0;
      const body = (index: number) => async (): Promise<void> => {
        expect([group.context.aborted, ++live <= limit]).toEqual([false, true]);
        started.push(index);
        for (let step = 0; step < plans[index]!.steps; step++) await scheduler.schedule(Promise.resolve(), `${index}`);
        live--;
        if (!plans[index]!.fails) return;
        thrown.push(new Failure(index));
        throw thrown.at(-1);
      };
      const tasks = plans.map((_, index) => group.go(body(index)));
      const impatience = Context.background.withCancel();
      const impatient = observe(group.wait({ signal: impatience }));
      const patient = group.wait().then(
        () => ({ live, error: undefined }),
        (error: unknown) => ({ live, error }),
      );
      if (cancels) void scheduler.schedule(Promise.resolve(), "cancel").then(() => group.cancel());
      if (givesUp) void scheduler.schedule(Promise.resolve(), "give up").then(() => impatience.cancel());
      await scheduler.waitFor(patient);
      const { live: liveAtEnd, error } = await patient;
      expect([liveAtEnd, group.running, group.queued]).toEqual([0, 0, 0]);
      expect(started).toEqual(started.toSorted((one, other) => one - other));
      expect(new Set(started).size).toBe(started.length);
      expect(tasks.every(({ state }) => state !== "queued" && state !== "running")).toBe(true);
      const skipped = tasks.some(({ state }) => state === "skipped");
      expect(error).toBe(thrown.length > 0 ? thrown[0] : skipped ? group.context.reason : undefined);
      await drained();
      expect(impatient.outcome.status).not.toBe("pending");
    },
  );
  await fc.assert(property, { numRuns: 400 });
});

interface Tree {
  readonly waited: boolean;
  readonly leaves: readonly ("value" | "error" | "error at once")[];
  readonly children: readonly Tree[];
}

function treeOf(depth: number): fc.Arbitrary<Tree> {
  return fc.record({
    waited: fc.boolean(),
    leaves: fc.array(fc.constantFrom("value", "error", "error at once"), { maxLength: 3 }),
    children: fc.array(
      depth === 0 ? fc.constant<Tree>({ waited: true, leaves: [], children: [] }) : treeOf(depth - 1),
      {
        maxLength: 2,
      },
    ),
  });
}

test("in a tree of groups every error is delivered one time, by the nearest group above it that is waited for", async () => {
  const property = fc.asyncProperty(
    treeOf(3),
    fc.boolean(),
    fc.infiniteStream(fc.nat()),
    async (root, failFast, order) => {
      const gates: { gate: Deferred<void>; error: Failure | null }[] = [];
      const waits: { got: { outcome: unknown }; wanted: number[] }[] = [];
      let leaf = 0;
      /** Starts all; returns what the group has to tell if nobody waits on it. */
      const start = (node: Tree, group: Group, isRoot: boolean, onReady: (() => void)[]): number[] => {
        const wanted: number[] = [];
        for (const kind of node.leaves) {
          const error = new Failure(leaf++);
          const gate = deferred();
          if (kind !== "error at once") gates.push({ gate, error: kind === "error" ? error : null });
          const task = group.go(() => {
            if (kind === "error at once") throw error;
            return gate.promise;
          });
          // An error at once may have canceled the groups below before they began.
          if (kind !== "value" && task.state !== "skipped") wanted.push(error.index);
        }
        for (const child of node.children) wanted.push(...start(child, group.child({ failFast }), false, onReady));
        if (!node.waited && !isRoot) return wanted;
        onReady.push(() => waits.push({ got: observe(group.wait()), wanted }));
        return [];
      };
      const onReady: (() => void)[] = [];
      start(root, new Group({ failFast }), true, onReady);
      for (const wait of onReady) wait();
      while (gates.length > 0) {
        const [{ gate, error } = gates[0]!] = gates.splice(order.next().value % gates.length, 1);
        if (error === null) gate.resolve();
        else gate.reject(error);
        if (order.next().value % 2 === 0) await drained();
      }
      await drained();
      for (const { got, wanted } of waits) {
        const view = [waitView(got.outcome as Awaited<ReturnType<typeof outcome<void>>>)].flat(Infinity);
        if (wanted.length === 0) expect(["fulfilled", "cancellation"]).toContain(view[0]);
        else if (failFast) expect(wanted).toContain(view[0]);
        else expect(leavesOf(got.outcome)).toEqual(wanted.toSorted((one, other) => one - other));
      }
    },
  );
  await fc.assert(property, { numRuns: 400 });
});

function leavesOf(result: unknown): number[] {
  const { reason } = result as { readonly reason?: unknown };
  const flatten = (error: unknown): number[] =>
    error instanceof AggregateError ? error.errors.flatMap(flatten) : [(error as Failure).index];
  return flatten(reason).toSorted((one, other) => one - other);
}

// Random trees of contexts against a model that is slow and obviously right: every node knows its parent, and whatever
// is asked is found by walking the whole list.
import * as fc from "fast-check";
import type { CancelContext } from "snowshed";
import { CanceledError, Context, contextKey, DeadlineExceededError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { expect, test } from "vitest";
import { drained } from "../support/promises.ts";

const key = contextKey<number>("key");

interface Listener {
  readonly name: string;
  readonly native: boolean;
  /** The node it cancels when it is called. */
  readonly cancels: number;
  state: "set" | "due" | "over";
}

interface Abort {
  readonly cause: unknown;
  readonly deadline: boolean;
}

class NaiveNode {
  readonly parent: NaiveNode | null;
  /** Has no state of its own: a view of its parent with a value. */
  readonly value: number | undefined;
  /** Its own timer. */
  readonly own: { readonly due: number; readonly cause: unknown } | undefined;
  readonly detached: boolean;
  readonly due: number;
  abort: Abort | undefined;
  readonly listeners: Listener[] = [];

  constructor(
    parent: NaiveNode | null,
    kind:
      | "root"
      | "cancel"
      | "detached"
      | { readonly value: number }
      | { readonly due: number; readonly cause: unknown },
  ) {
    this.parent = parent;
    this.detached = kind === "root" || kind === "detached";
    this.value = typeof kind === "object" && "value" in kind ? kind.value : undefined;
    const inherited = this.detached ? Infinity : parent!.due;
    this.own = typeof kind === "object" && "due" in kind && kind.due < inherited ? kind : undefined;
    this.due = this.own?.due ?? inherited;
    this.abort = this.detached ? undefined : parent!.abort;
  }

  get viewed(): NaiveNode {
    return this.value === undefined ? this : this.parent!.viewed;
  }

  findValue(): number | undefined {
    return this.value ?? this.parent?.findValue();
  }
}

class NaiveTree {
  now = 0;
  readonly nodes: NaiveNode[] = [new NaiveNode(null, "root")];
  readonly log: string[] = [];
  readonly #microtasks: Listener[] = [];

  add(node: NaiveNode): void {
    this.nodes.push(node);
    if (node.own !== undefined && node.own.due <= this.now)
      this.cancel(node, { cause: node.own.cause, deadline: true });
  }

  /** Level by level, each in the order of creation: the order in which listeners are told. */
  #subtree(top: NaiveNode): NaiveNode[] {
    const found = [top];
    for (const node of found) {
      const below = this.nodes.filter(
        (child) => !child.detached && child.value === undefined && child.parent!.viewed === node,
      );
      found.push(...below.filter((child) => child.abort === undefined));
    }
    return found;
  }

  cancel(node: NaiveNode, abort: Abort): void {
    if (node.abort !== undefined) return;
    const subtree = this.#subtree(node);
    for (const each of this.nodes) if (subtree.includes(each.viewed)) each.abort = abort;
    // Collected before any is called: what they do changes nothing about who is told.
    const told = subtree.map((each) => each.listeners.filter((listener) => listener.state === "set"));
    for (const listeners of told) {
      for (const listener of listeners.filter(({ native }) => native)) this.#call(listener);
      for (const listener of listeners.filter(({ native }) => !native)) this.#schedule(listener);
    }
  }

  listen(node: NaiveNode, listener: Listener): void {
    node.viewed.listeners.push(listener);
    if (node.abort !== undefined && !listener.native) this.#schedule(listener);
  }

  stop(listener: Listener): boolean {
    const prevented = listener.state !== "over";
    listener.state = "over";
    return prevented;
  }

  #schedule(listener: Listener): void {
    if (listener.state !== "set") return;
    listener.state = "due";
    this.#microtasks.push(listener);
  }

  #call(listener: Listener): void {
    if (listener.state === "over") return;
    listener.state = "over";
    this.log.push(listener.name);
    const target = this.nodes[listener.cancels];
    if (target !== undefined && isCancelable(target)) this.cancel(target, { cause: listener.name, deadline: false });
  }

  flush(): void {
    for (let listener = this.#microtasks.shift(); listener !== undefined; listener = this.#microtasks.shift()) {
      this.#call(listener);
    }
  }

  get timers(): NaiveNode[] {
    const armed = this.nodes.filter(({ own, abort }) => own !== undefined && own.due < Infinity && abort === undefined);
    return armed.toSorted((a, b) => a.own!.due - b.own!.due);
  }

  advance(ms: number): void {
    this.flush();
    const end = this.now + ms;
    for (let node = this.timers[0]; node !== undefined && node.own!.due <= end; node = this.timers[0]) {
      this.now = node.own!.due;
      this.cancel(node, { cause: node.own!.cause, deadline: true });
      this.flush();
    }
    this.now = end;
  }
}

function isCancelable(node: NaiveNode): boolean {
  return !node.detached && node.value === undefined;
}

const index = fc.nat(15);
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("withCancel" as const), of: index }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("withTimeout" as const),
      of: index,
      ms: fc.integer({ min: -1, max: 12 }),
      cause: fc.constantFrom(undefined, null, "late"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("withDeadline" as const),
      of: index,
      at: fc.integer({ min: 995, max: 1020 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("withValue" as const), of: index, value: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("withoutCancel" as const), of: index }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("cancel" as const),
      of: index,
      cause: fc.constantFrom(undefined, null, "why"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("onAbort" as const),
      of: index,
      native: fc.boolean(),
      cancels: fc.nat(40),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("stop" as const), of: index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 6 }) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** The real tree and the naive one, moved by the same steps. */
class Pair {
  readonly clock = new FakeClock({ start: 1000 });
  readonly contexts: Context[] = [Context.root({ clock: this.clock })];
  readonly log: string[] = [];
  readonly stops: (() => boolean)[] = [];
  readonly tree = new NaiveTree();
  readonly listeners: Listener[] = [];

  #at(of: number): { context: Context; node: NaiveNode } {
    const place = of % this.contexts.length;
    return { context: this.contexts[place]!, node: this.tree.nodes[place]! };
  }

  /** Returns a promise only where microtasks are to run: awaiting anything else would run them, too. */
  apply(step: Operation): Promise<void> | void {
    if (step.kind === "flush") return drained().then(() => this.tree.flush());
    if (step.kind === "advance") return this.clock.advance(step.ms).then(() => this.tree.advance(step.ms));
    if (step.kind === "stop") {
      const place = step.of % Math.max(1, this.listeners.length);
      if (place < this.listeners.length) expect(this.stops[place]!()).toBe(this.tree.stop(this.listeners[place]!));
      return;
    }
    const { context, node } = this.#at(step.of);
    switch (step.kind) {
      case "withCancel":
        return this.#add(context.withCancel(), new NaiveNode(node, "cancel"));
      case "withTimeout": {
        const own = { due: this.tree.now + step.ms, cause: step.cause };
        return this.#add(context.withTimeout(step.ms, step.cause), new NaiveNode(node, own));
      }
      case "withDeadline": {
        const own = { due: step.at - 1000, cause: undefined };
        return this.#add(context.withDeadline(step.at), new NaiveNode(node, own));
      }
      case "withValue":
        return this.#add(context.withValue(key, step.value), new NaiveNode(node, { value: step.value }));
      case "withoutCancel":
        return this.#add(context.withoutCancel(), new NaiveNode(node, "detached"));
      case "cancel":
        if (!isCancelable(node)) return;
        (context as CancelContext).cancel(step.cause);
        return this.tree.cancel(node, { cause: step.cause, deadline: false });
      case "onAbort":
        return this.#listen(context, node, step.native, step.cancels);
    }
  }

  #add(context: Context, node: NaiveNode): void {
    this.contexts.push(context);
    this.tree.add(node);
  }

  #listen(context: Context, node: NaiveNode, native: boolean, cancels: number): void {
    const name = `${native ? "native " : ""}listener ${this.listeners.length} of ${this.contexts.indexOf(context)}`;
    const call = (): void => {
      this.log.push(name);
      const target = this.tree.nodes[cancels];
      if (target !== undefined && isCancelable(target)) (this.contexts[cancels] as CancelContext).cancel(name);
    };
    const listener: Listener = { name, native, cancels, state: "set" };
    this.listeners.push(listener);
    this.tree.listen(node, listener);
    if (native) {
      const { signal } = context;
      let over = false;
      const once = (): void => {
        over = true;
        call();
      };
      signal.addEventListener("abort", once, { once: true });
      this.stops.push(() => {
        signal.removeEventListener("abort", once);
        const prevented = !over;
        over = true;
        return prevented;
      });
    } else this.stops.push(context.onAbort(call));
  }

  /** All that can be seen of the contexts, with errors by the order in which they are met. */
  #real(): unknown {
    const reasons: unknown[] = [];
    return this.contexts.map((context) => {
      const { reason, cause, aborted, deadline } = context;
      if (aborted && !reasons.includes(reason)) reasons.push(reason);
      return {
        aborted,
        reason: reasons.indexOf(reason),
        deadlineExceeded: reason instanceof DeadlineExceededError,
        canceled: reason instanceof CanceledError,
        cause: aborted && cause === reason ? "the reason" : cause,
        causeOfReason: reason?.cause,
        deadline,
        remaining: context.remaining(),
        value: context.value(key),
      };
    });
  }

  #wanted(): unknown {
    const aborts: Abort[] = [];
    return this.tree.nodes.map((node) => {
      const { abort, due } = node;
      if (abort !== undefined && !aborts.includes(abort)) aborts.push(abort);
      return {
        aborted: abort !== undefined,
        reason: aborts.indexOf(abort!),
        deadlineExceeded: abort?.deadline === true,
        canceled: abort?.deadline === false,
        cause: abort !== undefined && abort.cause === undefined ? "the reason" : abort?.cause,
        causeOfReason: abort?.cause,
        deadline: due === Infinity ? undefined : 1000 + due,
        remaining: Math.max(0, due - this.tree.now),
        value: node.findValue(),
      };
    });
  }

  check(): void {
    expect(this.#real()).toEqual(this.#wanted());
    expect({ log: this.log, now: this.clock.now(), timers: this.clock.pending }).toEqual({
      log: this.tree.log,
      now: this.tree.now,
      timers: this.tree.timers.length,
    });
  }
}

test("a tree of contexts does what the naive one does, step by step", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 30, size: "max" }), async (steps) => {
      const pair = new Pair();
      for (const step of steps) {
        const drains = pair.apply(step);
        if (drains !== undefined) await drains;
        pair.check();
      }
      for (const context of pair.contexts) (context as Partial<CancelContext>).cancel?.();
      expect(pair.clock.pending).toBe(0);
      for (const { scope } of pair.contexts) expect(scope.head).toBe(null);
    }),
    { numRuns: 300 },
  );
});

import fc from "fast-check";
import type { Clock } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import type { Expiring } from "../../src/overload/expiry.ts";
import { ExpiryList } from "../../src/overload/expiry.ts";
import { runModule } from "../support/child-process.ts";
import { clock, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

class Node implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  readonly expire: () => void;

  constructor(expire: () => void = () => {}) {
    this.expire = expire;
  }
}

/** A clock whose `now()` can be set, whatever its timers do. */
class SetClock implements Clock {
  readonly #timers: FakeClock;
  offset = 0;

  constructor(timers: FakeClock) {
    this.#timers = timers;
  }

  now(): number {
    return this.#timers.now() + this.offset;
  }

  date(): number {
    return this.#timers.date();
  }

  random(): number {
    return this.#timers.random();
  }

  setTimeout(callback: () => void, ms: number): () => void {
    return this.#timers.setTimeout(callback, ms);
  }
}

describe("a list of what expires", () => {
  test("each at its time, in the order it came, by one timer", async () => {
    const list = new ExpiryList(clock, 100);
    const expired: string[] = [];
    for (const name of ["a", "b", "c"]) {
      list.add(new Node(() => expired.push(`${name} at ${clock.now()}`)), clock.now());
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(10);
    }
    expect(clock.pending).toBe(1);
    await clock.advance(69);
    expect(expired).toEqual([]);
    await clock.advance(100);
    expect(expired).toEqual(["a at 100", "b at 110", "c at 120"]);
    expect(clock.pending).toBe(0);
  });

  test("removed, it does not; removed again, or never added, nothing happens", async () => {
    const list = new ExpiryList(clock, 100);
    const expired: string[] = [];
    const nodes = ["a", "b", "c"].map((name) => new Node(() => expired.push(name)));
    for (const node of nodes) list.add(node, clock.now());
    list.remove(nodes[1]!);
    list.remove(nodes[1]!);
    list.remove(new Node());
    await clock.advance(100);
    expect(expired).toEqual(["a", "c"]);
    list.remove(nodes[0]!);
    await clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  test("the timer of an empty list is gone 10 ms later, and is used again before that", async () => {
    const list = new ExpiryList(clock, 1000);
    for (let round = 0; round < 5; round++) {
      const node = new Node();
      list.add(node, clock.now());
      list.remove(node);
      expect(clock.pending).toBe(2);
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(1);
    }
    await clock.advance(9);
    expect(clock.pending).toBe(0);
    // And it works after that as before.
    let at = 0;
    list.add(new Node(() => (at = clock.now())), clock.now());
    await clock.advance(2000);
    expect(at).toBe(14 + 1000);
  });

  test("one that comes between the last and the check keeps the timer, and expires in time", async () => {
    const list = new ExpiryList(clock, 100);
    const node = new Node();
    list.add(node, clock.now());
    await clock.advance(50);
    list.remove(node);
    await clock.advance(5);
    let at = 0;
    list.add(new Node(() => (at = clock.now())), clock.now());
    await clock.advance(99);
    expect(at).toBe(0);
    await clock.advance(1);
    expect(at).toBe(155);
  });

  test("a callback may add, and remove what would be next", async () => {
    const list = new ExpiryList(clock, 100);
    const expired: string[] = [];
    const victim = new Node(() => expired.push("victim"));
    const late = new Node(() => expired.push(`late at ${clock.now()}`));
    list.add(
      new Node(() => {
        expired.push("first");
        list.remove(victim);
        list.add(late, clock.now());
      }),
      clock.now(),
    );
    list.add(victim, clock.now());
    await clock.advance(300);
    expect(expired).toEqual(["first", "late at 200"]);
  });

  test("a callback may add its own node again", async () => {
    const list = new ExpiryList(clock, 100);
    const times: number[] = [];
    const node = new Node(() => {
      times.push(clock.now());
      if (times.length < 3) list.add(node, clock.now());
    });
    list.add(node, clock.now());
    await clock.advance(1000);
    expect(times).toEqual([100, 200, 300]);
  });

  test("a callback that throws does not strand those behind it", async () => {
    const errors: unknown[] = [];
    const guarded: Clock = {
      now: () => clock.now(),
      date: () => clock.date(),
      random: () => clock.random(),
      setTimeout: (callback, ms) =>
        clock.setTimeout(() => {
          try {
            callback();
          } catch (error) {
            errors.push(error);
          }
        }, ms),
    };
    const list = new ExpiryList(guarded, 100);
    const expired: string[] = [];
    list.add(
      new Node(() => {
        throw new Error("mine");
      }),
      clock.now(),
    );
    list.add(new Node(() => expired.push("same time")), clock.now());
    await clock.advance(50);
    list.add(new Node(() => expired.push(`later at ${clock.now()}`)), clock.now());
    await clock.advance(200);
    expect(errors).toEqual([new Error("mine")]);
    expect(expired).toEqual(["same time", "later at 150"]);
  });

  test("a clock that is set back by an hour: its own time again, not an hour", async () => {
    const set = new SetClock(clock);
    set.offset = 3_600_000;
    const list = new ExpiryList(set, 100);
    const expired: string[] = [];
    list.add(new Node(() => expired.push(`before at ${clock.now()}`)), set.now());
    await clock.advance(50);
    set.offset = 0;
    list.add(new Node(() => expired.push(`after at ${clock.now()}`)), set.now());
    await clock.advance(1000);
    expect(expired).toEqual(["before at 200", "after at 200"]);
    expect(clock.pending).toBe(0);
  });

  test("an old reading of the clock does not bring the list out of order", async () => {
    const list = new ExpiryList(clock, 100);
    const expired: string[] = [];
    await clock.advance(20);
    list.add(new Node(() => expired.push("first")), 20);
    list.add(new Node(() => expired.push("second")), 5);
    await clock.advance(99);
    expect(expired).toEqual([]);
    await clock.advance(1);
    expect(expired).toEqual(["first", "second"]);
  });
});

type Step =
  | { readonly kind: "add"; readonly onExpire: "nothing" | "add" | "remove" }
  | { readonly kind: "remove"; readonly which: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "set"; readonly by: number };

const add = fc.record({
  kind: fc.constant("add" as const),
  onExpire: fc.constantFrom("nothing" as const, "add" as const, "remove" as const),
});
const remove = fc.record({ kind: fc.constant("remove" as const), which: fc.nat(9) });
const pass = fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(60) });
const set = fc.record({ kind: fc.constant("set" as const), by: fc.integer({ min: -500, max: 500 }) });

/** Of one that was added: what is to be and what is. */
interface Entry {
  readonly id: number;
  readonly added: number;
  readonly node: Node;
  removed: boolean;
  expired: number | undefined;
}

const ms = 40;

/** Plays `steps`; a callback that adds or removes does so with a node of the list. Every entry, in the order they came. */
async function play(steps: readonly Step[]): Promise<{ entries: Entry[]; order: number[]; pending: number }> {
  const timers = new FakeClock();
  const given = new SetClock(timers);
  const list = new ExpiryList(given, ms);
  const entries: Entry[] = [];
  const order: number[] = [];
  const begin = (onExpire: "nothing" | "add" | "remove"): void => {
    const node = new Node(() => {
      entry.expired = timers.now();
      order.push(entry.id);
      if (onExpire === "add") begin("nothing");
      if (onExpire === "remove") end(0);
    });
    const entry: Entry = { id: entries.length, added: timers.now(), node, removed: false, expired: undefined };
    entries.push(entry);
    list.add(node, given.now());
  };
  const end = (which: number): void => {
    const alive = entries.filter(({ removed, expired }) => !removed && expired === undefined);
    const entry = alive[which % Math.max(1, alive.length)];
    if (entry === undefined) return;
    entry.removed = true;
    list.remove(entry.node);
  };
  for (const step of steps) {
    if (step.kind === "add") begin(step.onExpire);
    else if (step.kind === "remove") end(step.which);
    else if (step.kind === "set") given.offset += step.by;
    // oxlint-disable-next-line no-await-in-loop
    else await timers.advance(step.ms);
  }
  await timers.advance(ms * (2 * steps.length + 3) + 10);
  return { entries, order, pending: timers.pending };
}

describe("random programs", () => {
  test("what is not removed expires exactly in time, in the order it came; no timer is left", async () => {
    let most = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(add, remove, pass), { maxLength: 30, size: "max" }), async (steps) => {
        const { entries, order, pending } = await play(steps);
        const left = entries.filter(({ removed }) => !removed);
        expect(left.map(({ added, expired }) => expired! - added)).toEqual(left.map(() => ms));
        expect(order).toEqual(left.map(({ id }) => id));
        expect(entries.filter(({ removed, expired }) => removed && expired !== undefined)).toEqual([]);
        expect(pending).toBe(0);
        most = Math.max(most, order.length);
      }),
      { numRuns: 200 },
    );
    expect(most).toBeGreaterThan(5);
  });

  test("the same in order, and once each, when the clock is set: each time back costs one more period at most", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(add, remove, pass, set), { maxLength: 30 }), async (steps) => {
        const { entries, order, pending } = await play(steps);
        const left = entries.filter(({ removed }) => !removed);
        const back = steps.filter((step) => step.kind === "set" && step.by < 0).length;
        for (const { added, expired } of left) expect(expired! - added).toBeLessThanOrEqual(ms * (1 + back));
        expect(order).toEqual(left.map(({ id }) => id));
        expect(pending).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the process", () => {
  test("is kept running by a call under way, and for no longer than it", async () => {
    const { code, stdout } = await runModule(`
      import { pipeline } from "snowshed";
      const guarded = pipeline({ deadline: "1h", timeout: 30 });
      await guarded.run(() => 1);
      // Nothing else keeps the process running: neither the body nor who awaits it.
      guarded.run(() => new Promise(() => {})).catch((error) => console.log(error.code));
    `);
    expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: "SNOWSHED_DEADLINE_EXCEEDED" });
  });
});

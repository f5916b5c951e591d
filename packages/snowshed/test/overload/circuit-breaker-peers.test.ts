// The defects that users of other breakers report, each as a case that is right here. A probe is a function of a breaker
// and its clock, so that a breaker which has the defects shows that it would notice.
import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import type { Clock } from "snowshed";
import { CanceledError, CircuitBreaker, Context, FatalError, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { deferred, drained, observe } from "../support/promises.ts";
import { call, down, up } from "./breaker-calls.ts";

interface Probed {
  readonly state: string;
  run<T>(task: (context: { readonly signal: AbortSignal }) => T | PromiseLike<T>): Promise<T>;
}

/** What they have in common: opens for anything, one probe that the others wait for, one success closes. */
class UsualBreaker implements Probed {
  state = "closed";
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #openedAt = 0;
  #probe: Promise<unknown> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    const rotate = (): void => void clock.setTimeout(rotate, 1000);
    rotate();
  }

  async run<T>(task: (context: { readonly signal: AbortSignal }) => T | PromiseLike<T>): Promise<T> {
    if (this.state === "open") {
      if (this.#clock.now() - this.#openedAt < 5000) {
        this.#openedAt = this.#clock.now(); // A rejection is an error, too
        throw new Error("open");
      }
      this.state = "half-open";
    }
    if (this.#probe !== undefined) await this.#probe;
    const running = Promise.resolve(task(this.#controller));
    if (this.state === "half-open") this.#probe = running.catch(() => {});
    try {
      const value = await running;
      if (((value as { status?: number } | undefined)?.status ?? 0) >= 400) throw new Error("status");
      this.state = "closed";
      return value;
    } catch (error) {
      if ((error as Error).name === "AbortError") this.#controller.abort();
      this.state = "open";
      this.#openedAt = this.#clock.now();
      throw error;
    }
  }
}

interface Subject {
  readonly breaker: Probed;
  readonly clock: FakeClock;
}

type Probe = (subject: Subject) => Promise<unknown>;

/** Open, and due for a probe. */
async function recovering({ breaker, clock }: Subject): Promise<void> {
  await call(breaker as CircuitBreaker, down, 5);
  expect(breaker.state).toBe("open");
  await clock.advance("5s");
}

const calls = (breaker: Probed, task: () => unknown, times: number = 1): Promise<string> =>
  call(breaker as CircuitBreaker, task, times);

const probes: Readonly<Record<string, readonly [Probe, unknown]>> = {
  "the herd after the single probe: how many calls run at once when it has succeeded": [
    async (subject) => {
      await recovering(subject);
      const probe = deferred();
      let running = 0;
      const work = deferred();
      const all = [calls(subject.breaker, () => probe.promise)];
      const task = (): Promise<void> => {
        running++;
        return work.promise;
      };
      for (let index = 0; index < 50; index++) all.push(calls(subject.breaker, task));
      probe.resolve();
      await drained();
      for (let index = 0; index < 50; index++) all.push(calls(subject.breaker, task));
      await drained();
      work.resolve();
      await Promise.all(all);
      return running;
    },
    2,
  ],
  "callers that queue behind the probe: how many of 50 are told at once": [
    async (subject) => {
      await recovering(subject);
      const probe = deferred();
      void calls(subject.breaker, () => probe.promise);
      const others = Array.from({ length: 50 }, () => observe(calls(subject.breaker, up)));
      await drained();
      return others.filter(({ outcome }) => outcome.status !== "pending").length;
    },
    50,
  ],
  "one success closes: how many does it take": [
    async (subject) => {
      await recovering(subject);
      let successes = 0;
      while (subject.breaker.state !== "closed") {
        await calls(subject.breaker, up);
        successes++;
      }
      return successes;
    },
    10,
  ],
  "opens after one failed call: what is its state": [
    async ({ breaker }) => {
      await calls(breaker, down);
      return breaker.state;
    },
    "closed",
  ],
  "stuck half-open behind a probe that never ends: does another call get through": [
    async (subject) => {
      await recovering(subject);
      void calls(subject.breaker, () => new Promise(() => {}));
      await subject.clock.advance("5s");
      const next = observe(calls(subject.breaker, up));
      await drained();
      return next.outcome;
    },
    { status: "fulfilled", value: "passed" },
  ],
  "a probe place lost to a caller that left: does the next call get through": [
    async (subject) => {
      await recovering(subject);
      await calls(subject.breaker, () => Promise.reject(new CanceledError()));
      return calls(subject.breaker, up);
    },
    "passed",
  ],
  "rejections counted as errors: does a call get through while others are refused all the time": [
    async (subject) => {
      await calls(subject.breaker, down, 5);
      for (let second = 0; second < 5; second++) {
        await subject.clock.advance("1s");
        if (second < 4) await calls(subject.breaker, up, 20);
      }
      return calls(subject.breaker, up);
    },
    "passed",
  ],
  "a service that is alive but sheds load, 429 and 503: what is the state after 200 of them": [
    async ({ breaker }) => {
      for (const status of [429, 503]) {
        await calls(breaker, () => new Response(null, { status, headers: { "retry-after": "1" } }), 100);
      }
      return breaker.state;
    },
    "closed",
  ],
  "one bad caller closes the door for all: what is the state after 100 bad requests": [
    async ({ breaker }) => {
      await calls(breaker, () => Promise.reject(new FatalError("no such customer")), 50);
      await calls(breaker, () => new Response(null, { status: 404 }), 50);
      return breaker.state;
    },
    "closed",
  ],
  "siblings canceled by their group count as errors: what is the state after 100 of them": [
    async ({ breaker }) => {
      await calls(breaker, () => Promise.reject(new CanceledError()), 50);
      await calls(breaker, () => Promise.reject(AbortSignal.abort().reason as Error), 50);
      return breaker.state;
    },
    "closed",
  ],
  "a late failure from before it opened: does it end the recovery": [
    async (subject) => {
      const late = deferred();
      const running = calls(subject.breaker, () => late.promise);
      await recovering(subject);
      await calls(subject.breaker, up);
      late.reject(new TransientError("late"));
      await running;
      return subject.breaker.state;
    },
    "half-open",
  ],
  "one AbortController for the whole breaker: is another call aborted with the first": [
    async ({ breaker }) => {
      const signals: AbortSignal[] = [];
      const other = deferred();
      const running = breaker.run(({ signal }) => {
        signals.push(signal);
        return other.promise;
      });
      await calls(breaker, () => Promise.reject(new CanceledError()));
      const { aborted } = signals[0]!;
      other.resolve();
      await running;
      return aborted;
    },
    false,
  ],
  "timers that live as long as the breaker: how many are there": [async ({ clock }) => clock.pending, 0],
};

describe("not here:", () => {
  test.each(Object.entries(probes))("%s", async (_defect, [probe, right]) => {
    const clock = new FakeClock();
    expect(await probe({ breaker: new CircuitBreaker({ clock }), clock })).toEqual(right);
    expect(clock.pending).toBe(0);
  });
});

describe("the control notices:", () => {
  test.each(Object.entries(probes))("%s", async (_defect, [probe, right]) => {
    const clock = new FakeClock();
    expect(await probe({ breaker: new UsualBreaker(clock), clock })).not.toEqual(right);
  });
});

test("a call finds the AsyncLocalStorage of its caller, in every state", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker({ clock, consecutiveFailures: 1 });
  const storage = new AsyncLocalStorage<string>();
  const read = (): Promise<unknown> => breaker.run(() => storage.getStore());
  expect(await storage.run("first", read)).toBe("first");
  await storage.run("failing", () => call(breaker, down));
  await clock.advance("5s");
  expect(await storage.run("probe", read)).toBe("probe");
});

describe("memory:", { timeout: 30_000 }, () => {
  test("calls under one signal leave no listener on it, whatever becomes of them", async () => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker({ clock, consecutiveFailures: 3 });
    const { signal } = new AbortController();
    const context = Context.from(signal).withCancel();
    for (let index = 0; index < 50; index++) {
      await breaker.run(index % 2 === 0 ? up : down, { signal }).catch(() => {});
      await breaker.run(down, { signal: context }).catch(() => {});
    }
    expect(breaker.state).toBe("open");
    context.cancel();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test.each([
    ["held nowhere", false],
    ["held by a test: the control", true],
  ])("what a call returned, or failed with, is %s afterwards", async (_name, keep) => {
    const breaker = new CircuitBreaker({ consecutiveFailures: Infinity, failureRate: 1 });
    const kept: unknown[] = [];
    const gone = await collected(async () => {
      const error = new TransientError("down");
      if (keep) kept.push(error);
      await breaker.run(() => Promise.reject(error)).catch(() => {});
      await breaker.run(() => ({ error }));
      return new WeakRef(error);
    });
    expect(breaker.state).toBe("closed");
    expect(kept).toHaveLength(keep ? 1 : 0);
    expect(gone).toBe(!keep);
  });

  test("a breaker that nobody holds is collected, also while it is open", async () => {
    const gone = await collected(async () => {
      const breaker = new CircuitBreaker({ consecutiveFailures: 1, onStateChange: () => {} });
      await call(breaker, down);
      expect(breaker.state).toBe("open");
      return new WeakRef(breaker);
    });
    expect(gone).toBe(true);
  });
});

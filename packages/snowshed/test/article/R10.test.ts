// Chapter 3.3: nested groups, with transient and fatal errors told apart: transient ones are retried and reported, a fatal
// one cancels the outer group.
import type { RetryEvent } from "snowshed";
import { CanceledError, classify, Context, FatalError, Group, isFatal, retry, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";

let clock: FakeClock;
let root: Context;
let log: string[];

beforeEach(() => {
  clock = new FakeClock();
  root = Context.root({ clock });
  log = [];
});

afterEach(() => {
  expect(clock.pending).toBe(0);
});

const backoff = { initial: 10, factor: 1, jitter: "none" } as const;
const messageOf = (event: RetryEvent): string => (event.error as Error).message;

/** Transient errors are reported and tried again; the last one is passed on. */
function retried<T>(context: Context, attempts: number, call: () => Promise<T>): Promise<T> {
  const onRetry = (event: RetryEvent): void => void log.push(`attempt ${event.attempt}: ${messageOf(event)}`);
  return retry(call, { signal: context, attempts, backoff, onRetry });
}

/** What the outer task makes of its inner group: transient errors are logged, a fatal one goes on. */
async function waitForInner(inner: Group): Promise<void> {
  try {
    await inner.wait();
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    for (const each of error.errors) log.push(`given up: ${(each as Error).message}`);
  }
}

describe("R10: the article's runWithClassification, as written there", () => {
  test("does not cancel the inner tasks when the outer group fails: each group has a background of its own", async () => {
    const outer = new Group({ signal: root });
    let toldOf = 0;
    outer.go(async () => {
      // `inner, _ := errgroup.WithContext(context.Background())`
      const inner = new Group({ signal: root });
      inner.go(async (context) => {
        context.onAbort(() => toldOf++);
        await root.sleep(1000);
      });
      await inner.wait();
    });
    outer.go(() => {
      throw new FatalError("credentials refused");
    });
    const waiting = observe(outer.wait());
    await clock.advance(999);
    expect([waiting.outcome.status, toldOf]).toEqual(["pending", 0]);
    await clock.advance(1);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new FatalError("credentials refused") });
  });

  test("takes a transient error for a fatal one: the inner group fails on whichever comes first", async () => {
    const outer = new Group({ signal: root });
    let database = "not opened";
    outer.go(async () => {
      const inner = new Group({ signal: root });
      inner.go(async () => {
        throw new TransientError("read: connection refused");
      });
      inner.go(async (context) => {
        await context.sleep(10);
        database = "opened";
      });
      await inner.wait();
    });
    const waiting = observe(outer.wait());
    await clock.advance(10);
    expect(waiting.outcome).toMatchObject({ status: "rejected", reason: expect.any(TransientError) as unknown });
    expect(database).toBe("not opened");
  });
});

describe("R10: nested groups that tell transient from fatal", () => {
  /** The outer group with one neighbour, and an inner one with a call over HTTP and the opening of a database. */
  function start(
    http: (attempt: number) => string,
    open: () => string,
  ): { outer: Group; waiting: ReturnType<typeof observe<void>> } {
    const outer = new Group({ signal: root });
    outer.go(async (context) => {
      const inner = outer.child({ failFast: isFatal });
      let attempt = 0;
      inner.go((own) => retried(own, 3, async () => log.push(http(++attempt))));
      inner.go(async (own) => {
        await own.sleep(5);
        log.push(open());
      });
      await waitForInner(inner);
      context.throwIfAborted();
    });
    outer.go(async (context) => {
      await context.sleep(100);
      log.push("neighbour ended");
    });
    return { outer, waiting: observe(outer.wait()) };
  }

  test("a transient error is logged and tried again, and disturbs nobody", async () => {
    const http = (attempt: number): string => {
      if (attempt < 3) throw new TransientError("timeout");
      return "answered";
    };
    const { waiting } = start(http, () => "opened");
    await clock.advance(1000);
    expect(waiting.outcome).toEqual({ status: "fulfilled", value: undefined });
    expect(log).toEqual(["attempt 1: timeout", "opened", "attempt 2: timeout", "answered", "neighbour ended"]);
  });

  test("one that stays is given up, logged, and cancels neither the inner nor the outer group", async () => {
    const http = (): string => {
      throw new TransientError("connection refused");
    };
    const { waiting } = start(http, () => "opened");
    await clock.advance(1000);
    expect(waiting.outcome).toEqual({ status: "fulfilled", value: undefined });
    expect(log).toEqual([
      "attempt 1: connection refused",
      "opened",
      "attempt 2: connection refused",
      "given up: connection refused",
      "neighbour ended",
    ]);
  });

  test("a fatal one ends the inner group, cancels the outer one, and interrupts every task of both", async () => {
    const http = (): string => {
      throw new TransientError("timeout");
    };
    const { outer, waiting } = start(http, () => {
      throw new FatalError("schema conflict");
    });
    await clock.advance(5);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new FatalError("schema conflict") });
    // The second attempt over HTTP and the neighbour are gone, timers and all: see afterEach.
    expect(log).toEqual(["attempt 1: timeout"]);
    expect(outer.context.cause).toEqual(new FatalError("schema conflict"));
  });

  test("a fatal one of the outer group reaches the tasks of the inner one", async () => {
    const outer = new Group({ signal: root });
    const inner = outer.child({ failFast: isFatal });
    const reasons: unknown[] = [];
    inner.go((context) => context.sleep("1h").catch((reason: unknown) => reasons.push(reason)));
    outer.go(() => {
      throw new FatalError("credentials refused");
    });
    await expect(outer.wait()).rejects.toThrow("credentials refused");
    expect(reasons).toEqual([expect.any(CanceledError)]);
    expect((reasons[0] as CanceledError).cause).toEqual(new FatalError("credentials refused"));
  });

  test("a fatal one of a child that nobody waits for is the parent's, and is waited for by it", async () => {
    const outer = new Group({ signal: root });
    const inner = outer.child();
    inner.go(async () => {
      await root.sleep(5);
      throw new FatalError("in the child");
    });
    const waiting = observe(outer.wait());
    await clock.advance(4);
    expect(waiting.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new FatalError("in the child") });
  });

  test("one that child.wait() has delivered is whose who took it", async () => {
    const outer = new Group({ signal: root });
    const inner = outer.child();
    inner.go(() => {
      throw new FatalError("taken care of");
    });
    await expect(inner.wait()).rejects.toThrow("taken care of");
    await drained();
    await outer.wait();
    expect(outer.errors).toEqual([]);
  });
});

describe("R10: the classifier", () => {
  const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });
  const unreachable = new TypeError("fetch failed", { cause: coded("ECONNREFUSED", "connect ECONNREFUSED") });
  const refused = Object.assign(new Error("status 401"), { response: { status: 401, headers: {} } });
  const duplicate = Object.assign(coded("23505", "duplicate key"), { name: "error", severity: "ERROR" });

  /** An outer group with a neighbour, and an inner one whose only task makes this call. */
  function start(call: (attempt: number) => unknown): ReturnType<typeof observe<void>> {
    const outer = new Group({ signal: root, failFast: isFatal });
    outer.go(async () => {
      const inner = outer.child({ failFast: isFatal });
      let attempt = 0;
      inner.go((own) => retried(own, 4, async () => log.push(`done: ${String(call(++attempt))}`)));
      await inner.wait();
    });
    outer.go(async (context) => {
      await context.sleep(100);
      log.push("neighbour ended");
    });
    return observe(outer.wait());
  }

  test("knows the errors of the network and of databases: nobody has to name them", async () => {
    const failures = [unreachable, coded("ETIMEDOUT", "read ETIMEDOUT"), coded("57P01", "the server is going down")];
    const waiting = start((attempt) => {
      const failure = failures[attempt - 1];
      if (failure !== undefined) throw failure;
      return `attempt ${attempt}`;
    });
    await clock.advance(1000);
    expect(waiting.outcome.status).toBe("fulfilled");
    expect(log).toEqual([
      "attempt 1: fetch failed",
      "attempt 2: read ETIMEDOUT",
      "attempt 3: the server is going down",
      "done: attempt 4",
      "neighbour ended",
    ]);
  });

  test.each([
    ["an answer that another attempt cannot change", refused],
    ["a row that is there already", duplicate],
    ["a mistake in the program", new TypeError("rows.map is not a function")],
    ["what the code itself calls fatal", new FatalError("schema conflict", { cause: unreachable })],
    ["one among several", new AggregateError([unreachable, refused])],
  ])("a fatal error is not retried, and cancels the outer group: %s", async (_, failure) => {
    const waiting = start((attempt) => {
      if (attempt === 1) throw unreachable;
      throw failure;
    });
    await clock.advance(9);
    expect(waiting.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: failure });
    // The neighbour is gone, its timer too: see afterEach.
    expect(log).toEqual(["attempt 1: fetch failed"]);
  });

  test("a transient error that stays is a failure in the end, but lets the neighbour finish", async () => {
    const waiting = start(() => {
      throw unreachable;
    });
    await clock.advance(99);
    expect(log).toHaveLength(3);
    expect(waiting.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(log.at(-1)).toBe("neighbour ended");
    expect(waiting.outcome).toMatchObject({ status: "rejected", reason: expect.any(AggregateError) as unknown });
  });

  test("what the members of a canceled group throw is neither retried nor fatal", async () => {
    const outer = new Group({ signal: root, failFast: isFatal });
    const reasons: unknown[] = [];
    outer.go((context) =>
      retried(context, 3, () => context.sleep("1h")).catch((error: unknown) => void reasons.push(error)),
    );
    outer.go(() => {
      throw new FatalError("credentials refused");
    });
    await expect(outer.wait()).rejects.toThrow("credentials refused");
    expect(reasons).toEqual([expect.any(CanceledError)]);
    expect(classify(reasons[0])).toBe("ignore");
    expect(log).toEqual([]);
  });
});

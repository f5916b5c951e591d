// What is left of a call that is over: nothing, however long the pipeline, the signal, or a body that never ends live on.
import { getEventListeners } from "node:events";
import type { CancelContext, Context, Pipeline, PipelineOptions } from "snowshed";
import { Context as ContextClass, FatalError, fixed, pipeline, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import type { AbortScope } from "../../src/concurrency/abort.ts";
import { runModule } from "../support/child-process.ts";
import { collected } from "../support/garbage.ts";
import { drained, observe } from "../support/promises.ts";

const never = (): Promise<never> => new Promise(() => {});
const all: PipelineOptions = {
  deadline: 1000,
  retry: { attempts: 3, backoff: { initial: 10, jitter: "none" } },
  hedge: { delay: 50 },
  breaker: { consecutiveFailures: 1000 },
  limiter: { algorithm: fixed(10), maxQueue: 5 },
  timeout: 100,
};

interface Scene {
  readonly clock: FakeClock;
  readonly guarded: Pipeline;
  /** Of the caller; it lives on. */
  readonly context: CancelContext;
}

/** Ends a call in some way. `payload` is held by the task that is run, and by its continuation. */
type End = (scene: Scene, run: (task: (context: Context, attempt: number) => unknown) => void) => unknown;

async function leavesNothing(options: PipelineOptions, end: End): Promise<boolean> {
  const clock = new FakeClock();
  const guarded = pipeline({ ...options, clock });
  const context = ContextClass.root({ clock }).withCancel();
  // Somebody else's call, whose timers and links live on all the time.
  const bystander = observe(guarded.run(never, { signal: context }));
  const gone = await collected(async () => {
    const own = context.withCancel();
    const payload = { bytes: new Uint8Array(10) };
    const use = (): number => payload.bytes.length;
    await end({ clock, guarded, context: own }, (task) => {
      const held = (given: Context, attempt: number): unknown => (use() > 0 ? task(given, attempt) : undefined);
      void guarded.run(held, { signal: own }).then(use, use);
    });
    await drained();
    return new WeakRef(payload);
  });
  // Used after the collection, so they were alive during it.
  context.cancel();
  await drained();
  expect(bystander.outcome.status).toBe("rejected");
  await clock.advance(2000);
  expect(clock.pending).toBe(0);
  return gone;
}

describe("what stays behind", () => {
  test.each<readonly [string, End]>([
    ["a success", (_, run) => run(async () => 1)],
    ["a failure", (_, run) => run(() => Promise.reject(new FatalError()))],
    ["a synchronous one", (_, run) => run(() => 1)],
    [
      "a cancellation",
      ({ context }, run) => {
        run((given) => given.sleep("1h"));
        context.cancel();
      },
    ],
    [
      "a cancellation in the wait between attempts",
      async ({ context }, run) => {
        run(() => Promise.reject(Object.assign(new Error("busy"), { code: "EMFILE" })));
        await drained();
        context.cancel();
      },
    ],
    [
      "a cancellation in the limiter's queue",
      async ({ guarded, context }, run) => {
        const limiter = guarded.limiter!;
        while (limiter.inflight < limiter.limit) observe(guarded.run((given) => given.sleep(90)));
        run(() => 1);
        expect(limiter.queued).toBe(1);
        context.cancel();
        await drained();
        expect([limiter.queued, limiter.inflight]).toEqual([0, limiter.limit]);
      },
    ],
    [
      "retries after failures",
      async ({ clock }, run) => {
        run((_, attempt) => (attempt < 4 ? Promise.reject(new TransientError()) : 1));
        await clock.advance(40);
      },
    ],
    [
      "a timeout, and a success after it",
      async ({ clock }, run) => {
        run((given, attempt) => (attempt < 3 ? given.sleep("1h") : 1));
        await clock.advance(300);
      },
    ],
    [
      "a hedge that wins",
      async ({ clock }, run) => {
        run((given, attempt) => (attempt === 1 ? given.sleep("1h") : 1));
        await clock.advance(60);
      },
    ],
    [
      "a deadline",
      async ({ clock }, run) => {
        run((given) => given.sleep("1h"));
        await clock.advance(1000);
      },
    ],
  ])("%s", async (_, end) => {
    expect(await leavesNothing(all, end)).toBe(true);
  });

  test("the control: a body that never ends keeps what it holds, as does a call that is under way", async () => {
    const bodies: unknown[] = [];
    expect(
      await leavesNothing(all, ({ context }, run) => {
        run((given) => {
          const body = new Promise((resolve) => bodies.push([resolve, given]));
          return body;
        });
        expect(context.aborted).toBe(false);
      }),
    ).toBe(false);
    expect(bodies).toHaveLength(1);
  });
});

describe("links", () => {
  const count = (context: Context): number => {
    let links = 0;
    for (let node = (context as unknown as AbortScope).head; node !== null; node = node.next) links++;
    return links;
  };

  test.each<readonly [string, PipelineOptions]>([
    ["every piece", all],
    ["a deadline", { deadline: 1000 }],
    ["a timeout", { timeout: 100 }],
    ["a hedge", { hedge: { delay: 50 } }],
    ["a retry", { retry: 3 }],
    ["none", {}],
  ])("a signal that lives on has none after a thousand calls, however they end: %s", async (_, options) => {
    const clock = new FakeClock();
    const guarded = pipeline({ ...options, limiter: { algorithm: fixed(1000) }, clock });
    const context = ContextClass.root({ clock }).withCancel();
    const controller = new AbortController();
    for (const signal of [context, controller.signal]) {
      for (let index = 0; index < 500; index++) {
        observe(
          guarded.run(
            async (given) => {
              await given.sleep(index % 120);
              if (index % 3 === 0) throw new FatalError();
            },
            { signal },
          ),
        );
      }
    }
    // The control: while they run, there are.
    expect([count(context) > 0, getEventListeners(controller.signal, "abort").length]).toEqual([true, 1]);
    await clock.advance(500);
    expect([count(context), getEventListeners(controller.signal, "abort").length]).toEqual([0, 0]);
    expect([clock.pending, guarded.limiter!.inflight]).toEqual([0, 0]);
  });
});

test("the heap does not grow with calls; it does with calls that never end", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { pipeline } from "snowshed";
    const grown = async (task, options) => {
      const guarded = pipeline({ deadline: "1h", retry: 3, hedge: { delay: "50m" }, timeout: "55m", ...options });
      const controller = new AbortController();
      const batch = async (calls) => {
        for (let index = 0; index < calls; index++) {
          const call = guarded.run(task, { signal: controller.signal }).catch(() => {});
          if (options === undefined) await call;
        }
        gc();
        return process.memoryUsage().heapUsed;
      };
      await batch(2000);
      const before = await batch(2000);
      return Math.round((await batch(20_000)) - before) / 20_000;
    };
    console.log(JSON.stringify([await grown(async () => 1), await grown(() => new Promise(() => {}), {})]));
    process.exit(0);
  `);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const [calls, endless] = JSON.parse(stdout) as [number, number];
  // Bytes for each call.
  expect(calls).toBeLessThan(10);
  expect(endless).toBeGreaterThan(200);
}, 30_000);

// A test of time without waiting for it: what is tested takes its clock from its context, so the test gives it one that
// it moves itself. Minutes of polling, backoff and deadlines pass in milliseconds, and the same way every time.
import assert from "node:assert/strict";
import { batch, Context, DeadlineExceededError } from "snowshed";
import { FakeClock } from "snowshed/testing";

/** What is tested: polls every two seconds until the export is ready, as long as its context lets it. */
async function untilReady(context: Context, isReady: () => boolean): Promise<number> {
  for (let polls = 1; ; polls++) {
    if (isReady()) return polls;
    await context.sleep("2s");
  }
}

const tests = {
  async "returns when the export is ready"() {
    const clock = new FakeClock();
    const polls = untilReady(Context.root({ clock }), () => clock.now() >= 60_000);
    await clock.advance("1m");
    assert.equal(await polls, 31);
  },

  async "gives up at the deadline of its caller, between two polls, and leaves no timer"() {
    const clock = new FakeClock({ start: Date.parse("2026-03-29T01:59:55Z") });
    const context = Context.root({ clock }).withDeadline(new Date("2026-03-29T02:00:00Z"));
    const polls = untilReady(context, () => false);
    // The handler first, the time after: a rejection that nobody handles yet ends the process.
    const expectation = assert.rejects(polls, DeadlineExceededError);
    await clock.advance("5s");
    await expectation;
    assert.equal(clock.pending, 0);
  },

  async "waits at random between retries, the same for the same seed"() {
    const waits = async (seed: number): Promise<number> => {
      const clock = new FakeClock({ seed });
      const fail = (): never => {
        throw new Error("down");
      };
      const report = batch(["a"], fail, { clock, retry: 3 });
      await clock.advance("1m");
      return (await report).stats.elapsed;
    };
    assert.equal(await waits(7), await waits(7));
    assert.notEqual(await waits(7), await waits(8));
  },
};

for (const [name, test] of Object.entries(tests)) {
  await test();
  console.log(`ok ${name}`);
}

// Output:
// ok returns when the export is ready
// ok gives up at the deadline of its caller, between two polls, and leaves no timer
// ok waits at random between retries, the same for the same seed

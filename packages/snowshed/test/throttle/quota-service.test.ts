// A service in fake time that counts requests in windows of its own, answers in any order and late, and refuses what is over.
import { Quota } from "snowshed/throttle";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";

const perWindow = 50;
const windowMs = 10_000;
const windows = 20;

interface Service {
  /** The longest way there, and back. */
  readonly way: number;
  /** How many answers are on their way for long, and how long. */
  readonly slowShare: number;
  readonly slow: number;
  readonly reset: "seconds" | "date";
}

/** Sixteen callers in a loop, and what became of their calls. */
async function callsOf(seed: number, service: Service, guarded = true) {
  const clock = new FakeClock({ start: 1_700_000_000_000, seed });
  const quota = new Quota({ limits: [{ requests: 10_000, per: "1s" }], clock });
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  let [used, endsAt, refused, served] = [0, windowMs, 0, 0];
  const call = async () => {
    await sleep(service.way * clock.random());
    for (; clock.now() >= endsAt; endsAt += windowMs) used = 0;
    used++;
    const isOver = used > perWindow;
    if (isOver) refused++;
    else served++;
    const left = endsAt - clock.now();
    const headers = {
      "x-ratelimit-limit": `${perWindow}`,
      "x-ratelimit-remaining": `${Math.max(0, perWindow - used)}`,
      "x-ratelimit-reset": `${Math.ceil((service.reset === "date" ? clock.date() + left : left) / 1000)}`,
      ...(isOver ? { "retry-after": `${Math.ceil(left / 1000)}` } : {}),
    };
    await sleep(clock.random() < service.slowShare ? service.slow : service.way * clock.random());
    return { status: isOver ? 429 : 200, headers };
  };
  const callers = Array.from({ length: 16 }, async () => {
    // oxlint-disable-next-line no-await-in-loop
    while (clock.now() < windows * windowMs) await (guarded ? quota.run(call) : call());
  });
  await clock.advance((windows + 5) * windowMs);
  await Promise.all(callers);
  expect(clock.pending).toBe(0);
  return { refused, share: served / (perWindow * windows) };
}

describe("a service that counts", () => {
  test.each<[string, Service]>([
    ["and answers soon", { way: 50, slowShare: 0, slow: 0, reset: "seconds" }],
    ["and answers late", { way: 100, slowShare: 0.2, slow: 8000, reset: "seconds" }],
    ["and answers late, with dates", { way: 100, slowShare: 0.2, slow: 8000, reset: "date" }],
  ])("%s never refuses, and gives nearly all that it would", async (_how, service) => {
    for (const seed of [1, 2, 3]) {
      // oxlint-disable-next-line no-await-in-loop
      const { refused, share } = await callsOf(seed, service);
      expect(refused).toBe(0);
      expect(share).toBeGreaterThan(0.95);
    }
  });

  test("refuses who does not heed it", async () => {
    const { refused } = await callsOf(1, { way: 50, slowShare: 0, slow: 0, reset: "seconds" }, false);
    expect(refused).toBeGreaterThan(1000);
  });
});

import { FakeClock } from "snowshed/testing";
import { expect, test } from "vitest";
import type { PlatformaticConsumerLike } from "../../../src/adapters/kafka/kafka-like.ts";
import { PlatformaticTopics } from "../../../src/adapters/kafka/platformatic-topics.ts";

/** A client of which a topic is gone. */
function clientWithout(gone: string): PlatformaticConsumerLike {
  const metadata = ({ topics }: { readonly topics: readonly string[] }): Promise<unknown> =>
    topics.includes(gone)
      ? Promise.reject(new Error(`Unknown topic ${gone}.`))
      : Promise.resolve({ topics: new Map() });
  return { metadata, topics: { track: () => {}, untrack: () => {} } } as unknown as PlatformaticConsumerLike;
}

test("what failed for a topic that somebody else has found to be gone meanwhile is asked again", async () => {
  const topics = new PlatformaticTopics(clientWithout("gone"), ["here", "gone"], new FakeClock());
  const told: (string | null)[] = [];
  topics.track((topic) => told.push(topic));
  let fail: ((error: Error) => void) | undefined;
  const attempts: string[][] = [];
  const left = topics.ask(() => {
    attempts.push([...topics.present]);
    return attempts.length > 1 ? Promise.resolve("left") : new Promise((_, reject) => (fail = reject));
  });
  const failure = new Error("Unknown topic gone.");
  expect(await topics.check(failure)).toBe(true);
  fail?.(failure);
  expect(await left).toBe("left");
  expect(attempts).toEqual([["here", "gone"], ["here"]]);
  expect(told).toEqual(["gone"]);
  topics.untrack();
});

test("what failed for a topic that is there has failed", async () => {
  const topics = new PlatformaticTopics(clientWithout("another"), ["here"], new FakeClock());
  const failure = new Error("Unknown topic here.");
  await expect(topics.ask(() => Promise.reject(failure))).rejects.toBe(failure);
  expect(topics.present).toEqual(["here"]);
});

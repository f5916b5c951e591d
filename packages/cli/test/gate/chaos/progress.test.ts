// What `consumer-progress` makes of the offsets of partitions, and how it asks for them.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { progressOf } from "../../../src/gate/chaos/probes/partition-progress.ts";
import { progressProbe } from "../../../src/gate/chaos/probes/kafka.ts";
import { temporaryFolder } from "../../support/folders.ts";

type Offsets = readonly (number | string)[];

/** Each list by partition: what was confirmed before and after, and where the log ends and begins. */
function progress(before: Offsets, after: Offsets, high: Offsets, low: Offsets = high.map(() => 0)) {
  const offsets = (list: Offsets) => list.map((offset, partition) => ({ partition, offset: String(offset) }));
  const ends = high.map((end, partition) => ({ partition, high: String(end), low: String(low[partition]) }));
  return progressOf({ before: offsets(before), after: offsets(after), ends });
}

describe("progress", () => {
  test("every partition that has a lag went on", () => {
    expect(progress([5, 5], [7, 9], [10, 10])).toEqual({ count: 6, stuck: [] });
  });

  test("one partition that stands is seen, however much the others confirm", () => {
    expect(progress([5, 5, 5], [1000, 5, 1000], [10_000, 6, 10_000])).toEqual({
      count: 1990,
      stuck: [{ partition: 1, at: 5, lag: 1 }],
    });
  });

  test("one without a lag has nothing to confirm", () => {
    expect(progress([5, 10], [7, 10], [10, 10])).toEqual({ count: 2, stuck: [] });
    // It may have grown since the end was asked for.
    expect(progress([5, 12], [7, 12], [10, 10])).toEqual({ count: 2, stuck: [] });
  });

  test("of one where nothing was ever confirmed the lag is not known, until something is", () => {
    expect(progress([5, -1], [7, -1], [10, 10])).toEqual({ count: 2, stuck: [] });
    expect(progress([5, -1], [7, 4], [10, 10])).toEqual({ count: 6, stuck: [] });
  });

  test("what the broker has deleted cannot be confirmed any more", () => {
    expect(progress([5, 3], [7, 3], [10, 10], [0, 10])).toEqual({ count: 2, stuck: [] });
    expect(progress([5, 3], [7, 3], [10, 10], [0, 8])).toMatchObject({ stuck: [{ partition: 1, at: 3, lag: 2 }] });
  });

  test("a group whose offsets are set back does not make progress with them", () => {
    expect(progress([9, 5], [2, 7], [10, 10])).toEqual({ count: -5, stuck: [{ partition: 0, at: 9, lag: 1 }] });
  });

  test("partitions are told apart by their number, in whatever order a broker names them", () => {
    const before = [0, 1].map((partition) => ({ partition, offset: "5" }));
    const after = [
      { partition: 1, offset: "5" },
      { partition: 0, offset: "9" },
    ];
    const ends = [1, 0].map((partition) => ({ partition, high: "10", low: "0" }));
    expect(progressOf({ before, after, ends }).stuck).toEqual([{ partition: 1, at: 5, lag: 5 }]);
  });
});

describe("the probe", () => {
  /** A client whose group confirms these offsets, one list for each time it is asked; every log ends at 100. */
  function folderWith(confirmed: readonly (readonly number[])[]): string {
    const folder = temporaryFolder();
    const own = path.join(folder, "node_modules", "kafkajs");
    mkdirSync(own, { recursive: true });
    writeFileSync(path.join(own, "package.json"), JSON.stringify({ name: "kafkajs", main: "index.cjs" }));
    writeFileSync(
      path.join(own, "index.cjs"),
      `const answers = ${JSON.stringify(confirmed)};
      const admin = {
        connect: async () => {},
        disconnect: async () => {},
        fetchOffsets: async () => [{ partitions: answers.shift().map((offset, partition) => ({ partition, offset: String(offset) })) }],
        fetchTopicOffsets: async () => answers[0].map((_, partition) => ({ partition, high: "100", low: "0" })),
      };
      module.exports = { logLevel: { NOTHING: 0 }, Kafka: class { admin() { return admin; } } };`,
    );
    return folder;
  }
  const config = { probe: "consumer-progress", brokers: ["h:1"], group: "g", topic: "t", overMs: 1 };
  const sample = (confirmed: readonly (readonly number[])[]) =>
    progressProbe(config, { env: {}, folder: folderWith(confirmed) }).sample(new AbortController().signal);

  test("has the rate of all partitions as its value", async () => {
    const { ok, value, detail } = await sample([
      [5, 5],
      [7, 8],
    ]);
    expect([ok, detail]).toEqual([true, expect.stringContaining("5 confirmed")]);
    expect(value).toBeGreaterThan(0);
  });

  test("fails with the partitions that stand", async () => {
    const stands = await sample([
      [5, 5, 100],
      [90, 5, 100],
    ]);
    expect(stands).toMatchObject({
      ok: false,
      detail: "partition 1 stands at 5 with a lag of 95: nothing of it was confirmed in 1 ms",
    });
  });

  test("fails when nothing was confirmed, also where there is no lag", async () => {
    const idle = await sample([[100], [100]]);
    expect(idle).toMatchObject({ ok: false, detail: "nothing was confirmed in 1 ms, at 100" });
  });
});

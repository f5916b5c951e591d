// Chapter 5: the decision tree between Redis Cluster, Redis Sentinel, Kafka and etcd, checked by itself in CI: its three
// questions, four leaves and eight paths, as the article draws them.
import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { alternativesTo, conflictsOf } from "../../src/gate/advise/alternatives.ts";
import type { Leaf } from "../../src/gate/advise/tree.ts";
import { adviseOn, storeNames, tree } from "../../src/gate/advise/tree.ts";
import { article } from "../../src/gate/config/presets/article.ts";
import { recommended } from "../../src/gate/config/presets/recommended.ts";
import type { Store, WorkloadConfig } from "../../src/gate/config/workload-section.ts";
import { stores, workloadNeeds } from "../../src/gate/config/workload-section.ts";
import { temporaryFolder } from "../support/folders.ts";
import { run } from "../support/memory-io.ts";

type Yes = boolean;

/** Throughput, order, consistency; the leaf; the letters of the article's chart on the way. */
const rows: readonly (readonly [Yes, Yes, Yes, Leaf, string])[] = [
  [false, false, false, "redis-sentinel", "A C G"],
  [false, false, true, "etcd", "A C F"],
  [false, true, false, "redis-sentinel", "A C G"],
  [false, true, true, "etcd", "A C F"],
  [true, false, false, "redis-cluster", "A B E"],
  [true, false, true, "redis-cluster", "A B E"],
  [true, true, false, "kafka", "A B D"],
  [true, true, true, "kafka", "A B D"],
];

const letters: Readonly<Record<string, string>> = {
  throughput: "A",
  ordering: "B",
  consistency: "C",
  kafka: "D",
  "redis-cluster": "E",
  etcd: "F",
  "redis-sentinel": "G",
};

function workload(high: Yes, strict: Yes, strong: Yes, store: Store = "etcd"): WorkloadConfig {
  return {
    writesPerSecond: high ? 100_001 : 100_000,
    ordering: strict ? "strict" : "none",
    consistency: strong ? "linearizable" : "eventual",
    store,
  };
}

describe("R15: the decision tree", () => {
  test.each(rows)("high %s, strict %s, strong %s: %s, by %s", (high, strict, strong, leaf, way) => {
    for (const preset of [article, recommended]) {
      const advice = adviseOn(workload(high, strict, strong), preset);
      expect(advice.leaf).toBe(leaf);
      expect([...advice.path.map(({ question }) => letters[question]), letters[advice.leaf]].join(" ")).toBe(way);
    }
  });

  test("it has three questions and four leaves, and the article's number", () => {
    expect(Object.keys(tree.branches)).toEqual(["throughput", "ordering", "consistency"]);
    const ends = Object.values(tree.branches).flatMap(({ yes, no }) => [yes, no]);
    expect(new Set(ends.filter((end) => !(end in tree.branches)))).toEqual(
      new Set(["kafka", "redis-cluster", "etcd", "redis-sentinel"]),
    );
    expect(article.highWritesPerSecond).toBe(100_000);
    expect(recommended.highWritesPerSecond).toBe(100_000);
  });

  test("whatever else is declared, the leaf is the one of the three answers", () => {
    const extra = fc.record(
      {
        orderingScope: fc.constantFrom("key" as const, "partition" as const, "global" as const),
        valueBytes: fc.nat(),
        needs: fc.subarray([...workloadNeeds]),
        store: fc.constantFrom(...stores),
      },
      { requiredKeys: [] },
    );
    const answers = fc.tuple(fc.nat(1_000_000), fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(answers, extra, ([writesPerSecond, strict, strong], more) => {
        const given = { ...workload(false, strict, strong), writesPerSecond, ...more };
        const naive =
          writesPerSecond > 100_000 ? (strict ? "kafka" : "redis-cluster") : strong ? "etcd" : "redis-sentinel";
        expect(adviseOn(given, recommended).leaf).toBe(naive);
        // What else is said does not repeat the leaf.
        expect(alternativesTo(given, recommended).map(({ store }) => store)).not.toContain(naive);
        conflictsOf(given, recommended);
      }),
    );
  });
});

describe("R15: what the tree does not say", () => {
  test.each(rows)("high %s, strict %s, strong %s: conflicts", (high, strict, strong) => {
    const kinds = conflictsOf(workload(high, strict, strong), recommended).map(({ kind }) => kind);
    if (high && strong) expect(kinds).toEqual(["conflict"]);
    else if (!high && strict && !strong) expect(kinds).toEqual(["unmet"]);
    else expect(kinds).not.toContain("conflict");
  });

  test("of the eight paths one has nothing to add", () => {
    const silent = rows.filter(([high, strict, strong]) => {
      return conflictsOf(workload(high, strict, strong), recommended).length === 0;
    });
    expect(silent.map((row) => row.slice(0, 3))).toEqual([[false, false, false]]);
  });

  test("a queue is no answer to whoever must read at once what was written", () => {
    const lock: WorkloadConfig = { ...workload(false, true, true), writesPerSecond: 2000, needs: [...workloadNeeds] };
    expect(alternativesTo(lock, recommended).map(({ store }) => store)).toEqual(["postgres"]);
    expect(alternativesTo({ ...lock, writesPerSecond: 90_000 }, recommended)).toEqual([]);
  });

  test("Postgres, NATS JetStream, RabbitMQ and Redis Streams are named where they fit", () => {
    const names = (given: WorkloadConfig): string[] => alternativesTo(given, recommended).map(({ name }) => name);
    const ordered = { ...workload(false, true, false), writesPerSecond: 2000 };
    expect(names(ordered)).toEqual(["Postgres", "NATS JetStream", "Redis Streams", "Kafka"]);
    expect(names({ ...ordered, needs: ["work-queue", "priority"] })).toContain("RabbitMQ");
    expect(names({ ...ordered, writesPerSecond: 90_000 })).toEqual(["NATS JetStream", "Redis Streams", "Kafka"]);
    expect(names({ ...ordered, consistency: "linearizable" })).toEqual(["Postgres"]);
    expect(names(workload(false, false, false))).toEqual([]);
    expect(names(workload(true, false, false))).toEqual([]);
  });
});

describe("R15: in CI", () => {
  const declare = (store: Store, answers: WorkloadConfig, preset: string): string => {
    const { writesPerSecond, ordering, consistency } = answers;
    const line = `{ writesPerSecond: ${writesPerSecond}, ordering: ${ordering}, consistency: ${consistency}, store: ${store} }`;
    return `version: 1\nextends: snowshed:${preset}\nworkloads:\n  data: ${line}\n`;
  };

  test("under the article's preset each of the eight answers passes with its leaf and blocks with any other store", async () => {
    const file = path.join(temporaryFolder(), "snowshed.yaml");
    for (const [high, strict, strong, leaf] of rows) {
      for (const store of stores) {
        writeFileSync(file, declare(store, workload(high, strict, strong), "article"));
        const { code, stdout } = await run(["gate", "advise", "-c", file, "-o", "json"]);
        const { stages } = JSON.parse(stdout) as {
          stages: { facts: { workloads?: { data: { leaf: string } } }; findings: { rule: string; line: number }[] }[];
        };
        expect(stages[1]!.facts.workloads!.data.leaf).toBe(leaf);
        expect(code, `${leaf} as ${store}`).toBe(store === leaf ? 0 : 1);
        const wrong = stages[1]!.findings.find(({ rule }) => rule === "advise/store-is-the-leaf");
        expect(wrong?.line).toBe(store === leaf ? undefined : 4);
      }
    }
  });

  test("the recommended preset blocks what no leaf gives, and lets an alternative that fits pass", async () => {
    const file = path.join(temporaryFolder(), "snowshed.yaml");
    const gate = async (store: Store, answers: WorkloadConfig): Promise<{ code: number; stdout: string }> => {
      writeFileSync(file, declare(store, answers, "recommended"));
      return run(["gate", "advise", "-c", file]);
    };
    const conflict = await gate("kafka", workload(true, true, true));
    expect(conflict.code).toBe(1);
    expect(conflict.stdout).toContain("advise/answers-have-a-leaf");
    const alternative = await gate("postgres", { ...workload(false, true, false), writesPerSecond: 2000 });
    expect(alternative.code).toBe(0);
    expect(alternative.stdout).toContain("the tree leads to Redis Sentinel, the file says Postgres, which also fits");
  });

  test("--explain draws the way", async () => {
    const file = path.join(temporaryFolder(), "snowshed.yaml");
    writeFileSync(file, declare("kafka", workload(true, true, false), "article"));
    const { stdout, code } = await run(["gate", "advise", "data", "--explain", "-c", file]);
    expect(code).toBe(0);
    expect(stdout).toBe(`data: ${storeNames.kafka} (as declared)

  more than 100,000 writes per second?
  => yes strict order required?
     => yes Kafka   <= here
     -- no  Redis Cluster
  -- no  strong consistency across services required?
     -- yes etcd
     -- no  Redis Sentinel

  caveat: order is that of a partition: one key, one partition; a global order means a single partition

`);
    expect((await run(["gate", "advise", "dat", "-c", file])).stderr).toContain('did you mean "data"?');
  });
});

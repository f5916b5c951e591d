import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { lintFiles, readFileText } from "../../../src/gate/alerts/lint-files.ts";
import type { LintCase } from "../../../src/gate/alerts/lint-rule.ts";
import { rulesRules } from "../../../src/gate/rules/rules/index.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { run } from "../../support/memory-io.ts";
import { promtool } from "./promtool-program.ts";

interface Report {
  readonly verdict: string;
  readonly stages: readonly {
    readonly stage: string;
    readonly verdict: string;
    readonly findings: readonly {
      readonly rule: string;
      readonly severity: string;
      readonly file: string | null;
      readonly line: number | null;
      readonly message: string;
    }[];
    readonly notes: readonly { readonly kind: string; readonly message: string }[];
    readonly facts: { readonly met?: Record<string, string>; readonly alerts?: number };
  }[];
}

const both = `workloads:
  lock: { writesPerSecond: 800, ordering: none, consistency: linearizable, store: etcd }
  session: { writesPerSecond: 800, ordering: none, consistency: eventual, store: redis-sentinel }
`;
const etcd = "workloads:\n  lock: { writesPerSecond: 8, ordering: none, consistency: linearizable, store: etcd }\n";
const redis = `workloads:
  session: { writesPerSecond: 800, ordering: none, consistency: eventual, store: redis-sentinel }
`;

let path: string;
beforeAll(async () => {
  path = dirname(await promtool());
}, 300_000);

/** A folder with a configuration and its files; what `gate rules` says of it. */
async function check(
  config: string,
  files: Readonly<Record<string, string>> = {},
  options: { sub?: string; path?: string } = {},
) {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries({ ...files, "snowshed.yaml": `version: 1\n${config}` })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const args = ["gate", "rules", options.sub ?? "check", "-c", join(folder, "snowshed.yaml"), "-o", "json"];
  const { code, stdout, stderr } = await run(args, { env: { PATH: options.path ?? path } });
  const report = stdout === "" ? null : (JSON.parse(stdout) as Report);
  const stage = report?.stages.find((each) => each.stage === "rules");
  const found = (stage?.findings ?? []).map(
    ({ rule, file, line }) => `${rule} ${file?.split("/").at(-1) ?? ""}:${line}`,
  );
  return { folder, code, stderr, stage, found };
}

const rules = (...alerts: readonly string[]): string =>
  `groups:\n- name: mine\n  rules:\n${alerts.map((each) => `  - ${each}\n`).join("")}`;

const commit = "etcd_disk_backend_commit_duration_seconds";
const fsync = "etcd_disk_wal_fsync_duration_seconds";
const p99 = (metric: string): string => `histogram_quantile(0.99, sum by (le, instance) (rate(${metric}_bucket[5m])))`;

describe("every rule is found in its wrong fixture, and nothing in the right one", { timeout: 60_000 }, () => {
  async function idsIn(given: LintCase): Promise<readonly string[]> {
    if (typeof given === "string") {
      const text = given.startsWith("groups:") ? given : rules(JSON.stringify({ alert: "A", expr: given }));
      return lintFiles([readFileText("/a.yml", "a.yml", text)]).map(({ rule }) => rule);
    }
    const sub = given.isTested === true ? "test" : "check";
    const { stage, stderr } = await check(given.config, given.files, { sub });
    // Of a configuration that cannot be used, or a promtool that is not asked, silence would be no answer.
    expect([stage?.stage, stderr]).toEqual(["rules", ""]);
    expect(stage!.notes.filter(({ kind }) => kind !== "info")).toEqual([]);
    return stage!.findings.map(({ rule }) => rule);
  }

  test.each(rulesRules.map(({ meta, fixtures }) => [meta.id, fixtures] as const))(
    "%s",
    async (id, { wrong, right }) => {
      expect(await idsIn(wrong)).toContain(id);
      expect(await idsIn(right)).toEqual([]);
    },
  );

  test("a fixture that cannot be used is not taken for a right one", async () => {
    expect(await idsIn({ config: "" })).toEqual([]);
    await expect(idsIn({ config: "alert: {}" })).rejects.toThrow("rules");
  });
});

describe("what the article demands", { timeout: 60_000 }, () => {
  test("is missing when nothing is there, and there once the rules are built", async () => {
    const none = await check(both);
    expect([none.code, none.found]).toEqual([
      1,
      Array.from({ length: 3 }, () => "rules/mandatory-missing snowshed.yaml:1"),
    ]);
    const built = await check(`${both}alerts: { out: rules.yml }\n`);
    expect([built.code, built.found]).toEqual([0, ["rules/not-built snowshed.yaml:5"]]);
    expect(built.stage!.facts.met).toEqual({
      "etcd-backend-commit": "EtcdBackendCommitVerySlow",
      "etcd-wal-fsync": "EtcdWalFsyncVerySlow",
      "redis-memory": "RedisMemoryHigh",
    });
  });

  test("series of a store that is not in use are not watched for, unless the configuration says so", async () => {
    const config = join(temporaryFolder(), "snowshed.yaml");
    const absent = async (text: string): Promise<readonly string[]> => {
      writeFileSync(config, `version: 1\n${text}`);
      const { stdout } = await run(["gate", "rules", "build", "-c", config]);
      return [...stdout.matchAll(/expr: absent\((etcd|redis|kafka)_/g)].map((each) => each[1]!);
    };
    expect(new Set(await absent(redis))).toEqual(new Set(["redis"]));
    expect(new Set(await absent(both))).toEqual(new Set(["etcd", "redis"]));
    expect(new Set(await absent(`${redis}alerts: { include: ['*'] }\n`))).toEqual(new Set(["etcd", "redis", "kafka"]));
    expect(new Set(await absent(""))).toEqual(new Set(["etcd", "redis", "kafka"]));
  });

  test("counts in any form that fires in the same case", async () => {
    const own = rules(
      `{ record: "commit:p99", expr: '${p99(commit).replace("_bucket", '_bucket{cluster=~"eu|us",env!="dev"}')} * 1000' }`,
      `{ alert: A, expr: '1000 < commit:p99', for: 10m }`,
      `{ alert: B, expr: '1 - sum(rate(${fsync}_bucket{le="1.024"}[10m])) / sum(rate(${fsync}_count[10m])) > 0.001' }`,
      `{ alert: C, expr: 'redis_memory_max_bytes > 0 and (redis_memory_max_bytes{env="prod"} - redis_memory_used_bytes) < 0.25 * redis_memory_max_bytes' }`,
    );
    const { code, found, stage } = await check(`${both}alerts: { lint: [own.yml] }\n`, { "own.yml": own });
    expect([code, found]).toEqual([0, []]);
    expect(stage!.facts.met).toEqual({ "etcd-backend-commit": "A", "etcd-wal-fsync": "B", "redis-memory": "C" });
  });

  test("does not count to the letter, with a limit too high, the wrong way round, or as a mean", async () => {
    const own = rules(
      `{ alert: Letter, expr: '${commit}{quantile="0.99"} > 1' }`,
      `{ alert: High, expr: '${p99(commit)} > 2' }`,
      `{ alert: Around, expr: '${p99(commit)} < 1' }`,
      `{ alert: Mean, expr: 'rate(${commit}_sum[5m]) / rate(${commit}_count[5m]) > 1' }`,
      `{ alert: Other, expr: '${p99(fsync)} > 0.5' }`,
    );
    const { code, found, stage } = await check(`${etcd}alerts: { lint: [own.yml] }\n`, { "own.yml": own });
    const always = "rules/fires-always own.yml:6";
    const expected = ["rules/quantile-on-histogram own.yml:4", always, "rules/mandatory-missing own.yml:4"];
    expect([code, found, stage!.facts.met]).toEqual([1, expected, { "etcd-wal-fsync": "Other" }]);
  });

  test("counts though it looks back an hour, has comments, or waits long; one that waits half a day does not", async () => {
    const own = rules(
      `{ alert: A, expr: "# why\\n${p99(commit).replace("[5m]", "[5m] offset 1h")} > 1 # and how", for: 2h }`,
      `{ alert: B, expr: 'min_over_time((${p99(fsync)})[1h:1m]) > 1', for: 12h }`,
    );
    const { code, found, stage } = await check(`${etcd}alerts: { lint: [own.yml] }\n`, { "own.yml": own });
    expect([code, found]).toEqual([1, ["rules/mandatory-missing own.yml:5"]]);
    expect(stage!.facts.met).toEqual({ "etcd-backend-commit": "A" });
  });

  test("counts wherever it is among hundreds on the same metric, and one that promtool cannot evaluate spoils none", async () => {
    const alerts = Array.from({ length: 300 }, (_, index) => {
      const limit = index === 250 ? 1 : 10 + index;
      return `{ alert: A${index}, expr: '${p99(fsync).replace("_bucket", `_bucket{job="etcd-${index % 9}"}`)} > ${limit}', for: 5m }`;
    });
    const odd = `{ alert: Odd, expr: '${p99(fsync)} > time(1)' }`;
    const own = rules(odd, ...alerts);
    const { found, stage } = await check(`${etcd}alerts: { out: a.yml, include: [etcd/back*], lint: [own.yml] }\n`, {
      "own.yml": own,
    });
    expect(found).toEqual(["rules/not-built snowshed.yaml:4", "rules/promtool own.yml:4"]);
    expect(stage!.facts.met?.["etcd-wal-fsync"]).toBe("A250");
  });

  test("a share that fires for ever where maxmemory is not set is told, in a form no lint sees", async () => {
    const own = rules(`{ alert: A, expr: 'redis_memory_used_bytes * 100 > redis_memory_max_bytes * 75' }`);
    const { code, found } = await check(`${redis}alerts: { lint: [own.yml] }\n`, { "own.yml": own });
    expect([code, found]).toEqual([0, ["rules/unguarded-divisor own.yml:4"]]);
    // In a form that the lint sees it is said once.
    const seen = rules(`{ alert: A, expr: 'redis_memory_used_bytes / redis_memory_max_bytes > 0.75' }`);
    const once = await check(`${redis}alerts: { lint: [own.yml] }\n`, { "own.yml": seen });
    expect([once.code, once.found]).toEqual([0, ["rules/unguarded-divisor own.yml:4"]]);
  });
});

test("what promtool alone finds is a finding with its place", { timeout: 60_000 }, async () => {
  const own = rules(
    "{ alert: A, expr: 'redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.7' }",
    "{ alert: B, expr: 'up + on(a) group_left(a) up > time(1)' }",
  );
  const { code, stage } = await check(`${redis}alerts: { lint: [own.yml] }\n`, { "own.yml": own });
  expect(code).toBe(1);
  expect(stage!.findings).toMatchObject([
    {
      rule: "rules/promtool",
      line: 5,
      file: expect.stringMatching(/own\.yml$/) as string,
      message: expect.stringContaining("could not parse") as string,
    },
  ]);
});

test(
  "without promtool: inconclusive, and it is named; what can be read is judged all the same",
  { timeout: 60_000 },
  async () => {
    const own = rules(`{ alert: A, expr: 'redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.7' }`);
    const empty = temporaryFolder();
    const read = await check(`${redis}alerts: { lint: [own.yml] }\n`, { "own.yml": own }, { path: empty });
    expect([read.code, read.found]).toEqual([3, []]);
    expect(read.stage!.notes.map(({ message }) => message)).toEqual([
      expect.stringContaining("promtool is not installed"),
      expect.stringMatching(
        /^whether A \(.*own\.yml:4\) fires when Redis uses more of maxmemory than 75 % was not tried/,
      ),
    ]);
    const broken = await check(
      `${redis}alerts: { lint: [own.yml] }\n`,
      { "own.yml": rules("{ alert: A, expr: 'up >' }") },
      { path: empty },
    );
    expect([broken.code, broken.found]).toEqual([
      1,
      ["rules/promql-syntax own.yml:4", "rules/mandatory-missing snowshed.yaml:4"],
    ]);
  },
);

test("a promtool that says what nobody understands leaves it open", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "promtool"), "#!/bin/sh\necho 'something else'\nexit 1\n", { mode: 0o755 });
  const own = rules(`{ alert: A, expr: 'redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.7' }`);
  const files = { "own.yml": own };
  const { code, stage } = await check(`${redis}alerts: { lint: [own.yml] }\n`, files, { path: folder });
  expect([code, stage!.verdict]).toEqual([3, "inconclusive"]);
  expect(stage!.notes.map(({ message }) => message).join()).toContain("something else");
});

test("variables, include, and files that cannot be used", { timeout: 60_000 }, async () => {
  const wrong = await check(`alerts:\n  out: r.yml\n  include: [redi/*]\n  vars:\n    redisMemoryRatio: 75\n`);
  expect([wrong.code, wrong.found.slice(0, 2)]).toEqual([
    1,
    ["rules/variable snowshed.yaml:6", "rules/include snowshed.yaml:4"],
  ]);
  const large = await check("alerts: { lint: [big.yml] }\n", { "big.yml": "#".repeat(10 * 1024 * 1024) });
  expect([large.code, large.stderr]).toEqual([2, expect.stringContaining("larger than 1 MiB")]);
  const outside = await check("alerts: { lint: [../other.yml] }\n");
  expect([outside.code, outside.stderr]).toEqual([2, expect.stringContaining("outside the folder")]);
});

test("a link that leads back to itself", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  symlinkSync("round.yml", join(folder, "round.yml"));
  writeFileSync(join(folder, "snowshed.yaml"), "version: 1\nalerts: { lint: [round.yml] }\n");
  const { code, stderr } = await run(["gate", "rules", "-c", join(folder, "snowshed.yaml")], { env: { PATH: path } });
  expect([code, stderr]).toEqual([2, expect.stringContaining("ELOOP")]);
});

describe("rules build", { timeout: 60_000 }, () => {
  test("writes rules, tests and dashboard; the gate then finds them as they should be", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "snowshed.yaml");
    writeFileSync(config, `version: 1\n${redis}alerts: { out: rules/r.yml, dashboard: d.json, include: [redis/*] }\n`);
    const tests = join(folder, "tests", "r.test.yml");
    const built = await run(["gate", "rules", "build", "-c", config, "--tests", tests]);
    expect([built.code, built.stdout]).toEqual([0, ""]);
    expect(readFileSync(tests, "utf8")).toContain("rule_files:\n  - ../rules/r.yml\n");
    expect(JSON.parse(readFileSync(join(folder, "d.json"), "utf8"))).toMatchObject({ uid: "snowshed-alerts" });
    const checked = await run(["gate", "rules", "test", "-c", config], { env: { PATH: path } });
    expect([checked.code, checked.stderr]).toEqual([0, ""]);
    writeFileSync(join(folder, "rules", "r.yml"), "groups: []\n");
    const changed = await run(["gate", "rules", "-c", config, "--fail-on", "warning"], { env: { PATH: path } });
    expect([changed.code, changed.stdout]).toEqual([1, expect.stringContaining("is not what the configuration gives")]);
  });

  test("to stdout when no file is named; nothing when the configuration cannot be used", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "snowshed.yaml");
    writeFileSync(config, "version: 1\n");
    const { code, stdout } = await run(["gate", "rules", "build", "-c", config]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^# Written by .*\ngroups:\n/)]);
    const dashboard = await run(["gate", "rules", "dashboard", "-c", config]);
    expect(JSON.parse(dashboard.stdout)).toMatchObject({ schemaVersion: 39 });
    const noFile = await run(["gate", "rules", "build", "-c", config, "--tests", "t.yml"]);
    expect([noFile.code, noFile.stderr]).toEqual([2, expect.stringContaining("--out")]);
    writeFileSync(config, "version: 1\nalerts: { vars: { redisMemoryRatio: 75 } }\n");
    const wrong = await run(["gate", "rules", "build", "-c", config]);
    expect([wrong.code, wrong.stdout, wrong.stderr]).toEqual([2, "", expect.stringContaining("snowshed.yaml:2:")]);
    const missing = await run(["gate", "rules", "build", "-c", join(folder, "none.yaml")]);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("none.yaml")]);
    const proc = await run([
      "gate",
      "rules",
      "dashboard",
      "-c",
      config.replace("snowshed", "none"),
      "--out",
      "/proc/x",
    ]);
    expect(proc.code).toBe(2);
  });
});

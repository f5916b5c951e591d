// Chapter 5: alert rules on control plane and data plane are mandatory. The article's rule on etcd never fires, and the one
// on Redis fires for ever where maxmemory is not set: both are shown here on a real Prometheus, and so are the corrected ones.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EtcdCluster } from "../../../snowshed/test/support/etcd.ts";
import { startEtcd } from "../../../snowshed/test/support/etcd.ts";
import type { FixtureSeries } from "../../src/gate/alerts/alert.ts";
import { diskBounds } from "../../src/gate/alerts/expressions.ts";
import { histogram, steady } from "../../src/gate/alerts/fixtures.ts";
import { knownMetrics } from "../../src/gate/alerts/metric-catalogue.ts";
import { ruleGroups } from "../../src/gate/alerts/prometheus-rules.ts";
import { testFailures } from "../../src/gate/alerts/promtool-output.ts";
import { runPromtool } from "../../src/gate/alerts/promtool.ts";
import { selectAlerts } from "../../src/gate/alerts/select.ts";
import { resolveVariables } from "../../src/gate/alerts/variables.ts";
import { article } from "../../src/gate/config/presets/article.ts";
import { alerts } from "../../src/gate/rules/alerts/index.ts";
import { promtool } from "../gate/alerts/promtool-program.ts";
import { temporaryFolder } from "../support/folders.ts";

const chosen = selectAlerts(alerts, article).alerts;
const groups = ruleGroups(chosen, resolveVariables(article).variables);
const rules = groups.groups.flatMap((group) => group.rules);

let program: string;
let server: EtcdCluster;
let metrics: string;
beforeAll(async () => {
  [program, server] = await Promise.all([promtool(), startEtcd()]);
  metrics = await (await fetch(`http://${server.endpoints[0]!}/metrics`)).text();
}, 300_000);
afterAll(() => server.remove());

/** Which of the alerts fire after twenty minutes of these series. */
async function firing(input: readonly FixtureSeries[]): Promise<string[]> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "rules.yml"), stringify(groups));
  // A test that expects silence fails for each alert that fires.
  const silent = rules.map(({ alert }) => ({ eval_time: "20m", alertname: alert, exp_alerts: [] }));
  const tests = [{ interval: "1m", input_series: input, alert_rule_test: silent }];
  writeFileSync(join(folder, "tests.yml"), stringify({ rule_files: ["rules.yml"], evaluation_interval: "1m", tests }));
  const { output } = await runPromtool(program, ["test", "rules", join(folder, "tests.yml")]);
  const fired = testFailures(output).map(({ alert }) => alert);
  return fired.filter((name) => !name.endsWith("Absent")).toSorted();
}

const etcd = { job: "etcd", instance: "etcd-1:2379" };
const redis = { job: "redis", instance: "redis-1:9121" };

describe("R19: etcd", { timeout: 60_000 }, () => {
  test("the article's rule is there with its number, and corrected", () => {
    const exprs = rules.map(({ expr }) => expr);
    expect(exprs).toContain('etcd_disk_backend_commit_duration_seconds{quantile="0.99"} > 1');
    const sum = "sum by (job, instance, le)";
    for (const metric of ["etcd_disk_backend_commit_duration_seconds", "etcd_disk_wal_fsync_duration_seconds"]) {
      expect(exprs).toContain(`histogram_quantile(0.99, ${sum} (rate(${metric}_bucket[5m]))) > 1`);
    }
  });

  test("a real etcd has the buckets that the corrected rules ask for, and no label quantile", () => {
    for (const metric of ["etcd_disk_backend_commit_duration_seconds", "etcd_disk_wal_fsync_duration_seconds"]) {
      expect(metrics).toContain(`# TYPE ${metric} histogram`);
      expect(metrics).not.toMatch(new RegExp(`^${metric}\\{`, "m"));
      const bounds = [...metrics.matchAll(new RegExp(`^${metric}_bucket\\{le="([\\d.]+)"\\}`, "gm"))].map(([, le]) =>
        Number(le),
      );
      expect(bounds).toEqual(diskBounds);
    }
  });

  test("the catalogue knows every series of a real etcd that is not for debugging", () => {
    const typed = [...metrics.matchAll(/^# TYPE (etcd_\w+) (\w+)$/gm)].filter(
      ([, name]) => !name!.startsWith("etcd_debugging_"),
    );
    const names = typed.map(([, name, type]) => (type === "histogram" ? `${name}_bucket` : name!));
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !knownMetrics.includes(name))).toEqual([]);
  });

  test("syncs of 1.2 s, which nobody noticed for 23 minutes, raise an alert", async () => {
    const slow = { bounds: diskBounds, quantile: 0.99, value: 1.2 };
    expect(await firing(histogram("etcd_disk_wal_fsync_duration_seconds", etcd, slow))).toEqual([
      "EtcdWalFsyncVerySlow",
    ]);
  });

  test("commits of 1.2 s raise the corrected alert, and not the article's", async () => {
    const slow = { bounds: diskBounds, quantile: 0.99, value: 1.2 };
    const metric = "etcd_disk_backend_commit_duration_seconds";
    expect(await firing(histogram(metric, etcd, slow))).toEqual(["EtcdBackendCommitVerySlow"]);
    expect(await firing(histogram(metric, etcd, { ...slow, value: 0.9 }))).toEqual([]);
  });
});

describe("R19: Redis", { timeout: 60_000 }, () => {
  const memory = (used: number, max: number): FixtureSeries[] => [
    steady("redis_memory_used_bytes", redis, used),
    steady("redis_memory_max_bytes", redis, max),
  ];

  test("more than 75 % of maxmemory raises both forms of the rule", async () => {
    const expr = "(redis_memory_used_bytes / redis_memory_max_bytes) > 0.75";
    expect(rules.map((rule) => rule.expr)).toContain(expr);
    expect(await firing(memory(76, 100))).toEqual(["RedisMemoryArticle", "RedisMemoryHigh"]);
    expect(await firing(memory(75, 100))).toEqual([]);
  });

  test("without maxmemory the article's fires for ever; the corrected ones say what is the matter", async () => {
    expect(await firing(memory(1, 0))).toEqual(["RedisMaxmemoryUnset", "RedisMemoryArticle"]);
  });
});

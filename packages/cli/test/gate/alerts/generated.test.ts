import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { testAlerts } from "../../../src/gate/alerts/check-promtool.ts";
import { dashboard } from "../../../src/gate/alerts/dashboard.ts";
import { lintExpression } from "../../../src/gate/alerts/lint-expression.ts";
import { knownMetrics } from "../../../src/gate/alerts/metric-catalogue.ts";
import { ruleFile, ruleGroups } from "../../../src/gate/alerts/prometheus-rules.ts";
import { parseExpression, selectorsOf } from "../../../src/gate/alerts/promql.ts";
import { runPromtool } from "../../../src/gate/alerts/promtool.ts";
import { selectAlerts } from "../../../src/gate/alerts/select.ts";
import type { AlertVariables } from "../../../src/gate/alerts/variables.ts";
import { alertVariables, resolveVariables } from "../../../src/gate/alerts/variables.ts";
import { article } from "../../../src/gate/config/presets/article.ts";
import { recommended } from "../../../src/gate/config/presets/recommended.ts";
import { alerts } from "../../../src/gate/rules/alerts/index.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { plants } from "./mutants.ts";
import { promtool } from "./promtool-program.ts";

const { variables } = resolveVariables(article);
let program: string;
beforeAll(async () => {
  program = await promtool();
}, 300_000);

describe("every alert", () => {
  test("is one file, and listed", () => {
    const folder = join(import.meta.dirname, "../../../src/gate/rules/alerts");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /[/\\]/.test(file));
    expect(files.map((file) => file.replace(/\.ts$/, "")).toSorted()).toEqual(
      alerts.map(({ meta }) => meta.id).toSorted(),
    );
    expect(new Set(alerts.map(({ meta }) => meta.alert)).size).toBe(alerts.length);
  });

  test("has fixtures that fire and that do not", () => {
    for (const alert of alerts) {
      const fires = new Set(alert.series(variables).map((each) => each.fires.length > 0));
      expect([alert.meta.id, fires.has(true), fires.has(false)]).toEqual([alert.meta.id, true, true]);
    }
  });

  test("asks only for series that an exporter has, in ways that mean something", () => {
    for (const { meta, expr } of alerts) {
      const problems = lintExpression(parseExpression(expr(variables)), new Set()).map(({ rule }) => rule);
      const expected = {
        "etcd/article-backend-commit": ["quantile-on-histogram"],
        "redis/article-memory": ["unguarded-divisor"],
      };
      expect([meta.id, problems]).toEqual([meta.id, expected[meta.id as keyof typeof expected] ?? []]);
      for (const { metric } of selectorsOf(parseExpression(expr(variables)))) {
        if (meta.id !== "etcd/article-backend-commit") expect(knownMetrics).toContain(metric);
      }
    }
  });

  test("that compares what can be missing has one that watches for it", () => {
    const watched = new Set(alerts.flatMap(({ expr }) => /^absent\((\w+)\)$/.exec(expr(variables))?.[1] ?? []));
    for (const alert of alerts.filter(({ meta }) => meta.mandatory !== undefined)) {
      const names = selectorsOf(parseExpression(alert.expr(variables))).map(({ metric }) => metric!);
      expect(names.filter((name) => !watched.has(name))).toEqual([]);
    }
  });

  test("of snowshed is about a metric of docs/metrics.md, and the catalogue has all of them", () => {
    const text = readFileSync(join(import.meta.dirname, "../../../../../docs/metrics.md"), "utf8");
    const rows = [...text.matchAll(/^\| `(snowshed_\w+)` \| (\w+) \|/gm)];
    const series = rows.flatMap(([, name, kind]) =>
      kind === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name!],
    );
    expect(knownMetrics.filter((name) => name.startsWith("snowshed_")).toSorted()).toEqual(series.toSorted());
  });
});

// Of a machine that does much else, it may take many times as long.
describe("on a real Prometheus", { timeout: 120_000 }, () => {
  test("promtool takes the rules of both presets", async () => {
    const folder = temporaryFolder();
    for (const preset of [article, recommended]) {
      const chosen = selectAlerts(alerts, preset).alerts;
      const file = join(folder, `${preset.name}.yml`);
      writeFileSync(file, ruleFile(ruleGroups(chosen, resolveVariables(preset).variables)));
      const { ok, output } = await runPromtool(program, ["check", "rules", "--lint-fatal", file]);
      expect([ok, output]).toEqual([true, expect.stringContaining(`SUCCESS: ${chosen.length} rules found`)]);
    }
  });

  test("each alert fires on the series it should fire on, and on no other", async () => {
    expect(await testAlerts(program, alerts, variables)).toEqual([]);
  });

  test("also with numbers of one's own", async () => {
    const high = Object.entries(alertVariables).map(([name, { max, value, integer }]) => {
      // Beyond a million there is nothing to learn, and a share of 0.99 leaves no room for a fixture above it.
      const wanted = Math.min(max * 0.9, Math.max(value * 3, 5), 1e6);
      return [name, integer ? Math.round(wanted) : wanted];
    });
    const own = resolveVariables(article, { ...Object.fromEntries(high), quantile: 0.9 } as Record<string, unknown>);
    expect(own.problems).toEqual([]);
    expect(await testAlerts(program, alerts, own.variables)).toEqual([]);
  });

  test("also with the longest times that may be given", async () => {
    const longest = Object.entries(alertVariables).flatMap(([name, { max }]) =>
      name.endsWith("Seconds") ? [[name, max]] : [],
    );
    const own = resolveVariables(article, Object.fromEntries(longest) as Record<string, unknown>);
    expect(own.problems).toEqual([]);
    const timed = alerts.filter(({ expr }) => expr(own.variables).includes("histogram_quantile"));
    expect(timed.length).toBeGreaterThan(4);
    expect(await testAlerts(program, timed, own.variables)).toEqual([]);
  });

  test.each(Object.entries(plants))("tests see it when %s", async (_, plant) => {
    const planted = alerts.map((alert) => plant(alert, variables)).filter((alert) => alert !== null);
    expect(planted.length).toBeGreaterThan(4);
    const findings = await testAlerts(program, planted, variables);
    const found = new Set(findings.map(({ message }) => message.split(",")[0]));
    expect(planted.map(({ meta }) => meta.id).filter((id) => !found.has(id))).toEqual([]);
  });
});

describe("the dashboard", () => {
  const made = (numbers: AlertVariables): string => JSON.stringify(dashboard(alerts, numbers));
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
    readonly targets?: readonly { readonly expr: string }[];
  }

  test("is the same each time, and panels keep their ids when others go", () => {
    expect(made(variables)).toBe(made(variables));
    const all = JSON.parse(made(variables)) as { uid: string; panels: Panel[] };
    expect(all.uid).toBe("snowshed-alerts");
    expect(new Set(all.panels.map(({ id }) => id)).size).toBe(all.panels.length);
    const few = dashboard(
      alerts.filter(({ meta }) => meta.exporter === "redis"),
      variables,
    ) as typeof all;
    const ids = new Set(all.panels.map(({ id }) => id));
    expect(few.panels.every(({ id }) => ids.has(id))).toBe(true);
  });

  test("asks valid queries, each of a bounded number of series, and no two panels overlap", () => {
    const { panels } = JSON.parse(made(variables)) as { panels: Panel[] };
    const taken = new Set<string>();
    for (const { gridPos, type, targets } of panels) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        const cell = `${gridPos.x} ${y}`;
        expect([type, taken.has(cell) || (type === "row" && taken.has(`12 ${y}`))]).toEqual([type, false]);
        taken.add(cell);
      }
      for (const { expr } of targets ?? []) {
        expect(expr).toMatch(/^topk\(20, /);
        expect([expr, parseExpression(expr).errors]).toEqual([expr, []]);
      }
    }
    const drawn = alerts.filter(({ panel }) => panel !== undefined).length;
    expect(panels.filter(({ type }) => type === "timeseries").length).toBe(drawn);
  });
});

describe("variables", () => {
  test.each([
    [
      "etcdBackendComitSeconds",
      1,
      'there is no variable etcdBackendComitSeconds; did you mean "etcdBackendCommitSeconds"?',
    ],
    ["etcdBackendCommitSeconds", 9, "must be a number from 0.001 to 8, not 9"],
    ["etcdBackendCommitSeconds", Number.NaN, "not null"],
    ["redisMemoryRatio", 75, "must be a number from 0.01 to 0.99, not 75"],
    ["redisMemoryRatio", "a lot", 'not "a lot"'],
    ["redisMemoryRatio", "", 'not ""'],
    ["kafkaBrokers", 2.5, "must be a whole number from 1"],
    ["__proto__x", 1, "there is no variable"],
  ])("%s cannot be %s", (name, value, message) => {
    const { problems, variables: kept } = resolveVariables(article, { [name]: value });
    expect(problems).toEqual([{ name, message: expect.stringContaining(message) as string }]);
    expect(kept).toEqual(variables);
  });

  test("stand over those of the preset", () => {
    expect(resolveVariables(recommended, { redisMemoryRatio: 0.6, kafkaLag: "50" }).variables).toMatchObject({
      redisMemoryRatio: 0.6,
      kafkaLag: 50,
      etcdWalFsyncWarningSeconds: 0.5,
    });
  });

  test("include takes stars, and names what matches nothing", () => {
    const ids = (...include: string[]): string[] =>
      selectAlerts(alerts, recommended, include).alerts.map(({ meta }) => meta.id);
    expect(ids("redis/*").every((id) => id.startsWith("redis/"))).toBe(true);
    expect(ids("redis/*").length).toBeGreaterThan(5);
    expect(ids("*-absent", "etcd/no-leader")).toContain("kafka/lag-absent");
    expect(ids("*lag*")).toEqual(["kafka/consumer-lag", "kafka/lag-absent"]);
    expect(ids(`${"*a".repeat(5000)}*`)).toEqual([]);
    expect(selectAlerts(alerts, recommended, ["redis/*", "redi/*", "redis/article-memory"]).unmatched).toEqual([
      "redi/*",
      "redis/article-memory",
    ]);
  });
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { metricName } from "../../src/adapters/prometheus/metric-names.ts";
import { allMetrics } from "../../src/metrics/descriptions.ts";
import { waitBounds } from "../../src/metrics/wait-counts.ts";

const page = readFileSync(new URL("../../../../docs/metrics.md", import.meta.url), "utf8");

test("the page has a row for each metric, and no other", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*)\| (.*) \|$/gm)].map(
    ([, name, type, labels = "", help]) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
      help,
    }),
  );
  expect(rows).toEqual(
    allMetrics.map((metric) => ({
      name: metricName(metric),
      type: metric.type,
      labels: metric.labels,
      help: metric.help,
    })),
  );
});

test("the page has the bounds of waits", () => {
  expect(page.replaceAll("\n", " ")).toContain(waitBounds.join(", "));
});

test("every metric that the page asks for is one", () => {
  const names = new Set(allMetrics.map(metricName));
  const asked = [...page.matchAll(/\bsnowshed_\w+/g)].map(([name]) => name.replace(/_bucket$/, ""));
  expect(asked.filter((name) => !names.has(name))).toEqual(["snowshed_tasks_started"]);
});

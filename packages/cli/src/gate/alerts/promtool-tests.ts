import { stringify } from "yaml";
import type { Alert, AlertCase, FixtureSeries, Labels } from "./alert.ts";
import { annotationsOf } from "./prometheus-rules.ts";
import { parseExpression, selectorsOf } from "./promql.ts";
import type { AlertVariables } from "./variables.ts";

/** Cases of one alert that have the same series. */
interface Fixture {
  readonly alert: Alert;
  readonly input: readonly FixtureSeries[];
  readonly cases: AlertCase[];
  /** Every metric that the series have or the alert asks for. */
  readonly metrics: ReadonlySet<string>;
}

/** Fixtures that cannot meet: no two have a metric in common. */
interface Test {
  readonly name: string;
  readonly fixtures: readonly Fixture[];
}

/** Unit tests for `promtool test rules`: every case of every alert. `rules` is found from the folder of the tests. */
export function promtoolTests(alerts: readonly Alert[], variables: AlertVariables, rules: string): string {
  return testFile(testsOf(alerts, variables), rules);
}

/**
 * The same in parts, each with the alerts it is about: promtool evaluates every rule of a file in each of its tests, and
 * most of that is for nothing.
 */
export function promtoolParts(
  alerts: readonly Alert[],
  variables: AlertVariables,
): readonly { readonly alerts: readonly Alert[]; readonly tests: (rules: string) => string }[] {
  return testsOf(alerts, variables).map((each) => ({
    alerts: [...new Set(each.fixtures.map(({ alert }) => alert))],
    tests: (rules) => testFile([each], rules),
  }));
}

function testFile(tests: readonly Test[], rules: string): string {
  const written = tests.map(({ name, fixtures }) => ({
    interval: "1m",
    name,
    input_series: fixtures.flatMap(({ input }) => input),
    alert_rule_test: fixtures.flatMap(({ alert, cases }) =>
      cases.map((each) => ({
        eval_time: `${each.atMinute}m`,
        alertname: alert.meta.alert,
        exp_alerts: expected(alert, each),
      })),
    ),
  }));
  const head = "# Written by `snowshed gate rules build`. Run: promtool test rules <this file>\n";
  const file = { rule_files: [rules], evaluation_interval: "1m", tests: written };
  return head + stringify(file, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** What a failure of promtool is about, by the name of the test, the alert and the time it tells. */
export function findCase(
  alerts: readonly Alert[],
  variables: AlertVariables,
  failure: { readonly test: string | null; readonly alert: string; readonly time: string },
): { readonly alert: Alert; readonly case: AlertCase } | null {
  const test = testsOf(alerts, variables).find(({ name }) => name === failure.test);
  for (const { alert, cases } of test?.fixtures ?? []) {
    if (alert.meta.alert !== failure.alert) continue;
    const found = cases.find(({ atMinute }) => minutes(failure.time) === atMinute);
    if (found !== undefined) return { alert, case: found };
  }
  return null;
}

/** promtool tells `1h15m` of `75m`. */
function minutes(time: string): number {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:0s)?$/.exec(time);
  return match === null ? Number.NaN : Number(match[1] ?? 0) * 60 + Number(match[2] ?? 0);
}

/** promtool evaluates every rule in every test: a test for each case would take it ten times as long. */
function testsOf(alerts: readonly Alert[], variables: AlertVariables): Test[] {
  const tests: { fixtures: Fixture[]; metrics: Set<string> }[] = [];
  // All rules are evaluated up to the last minute of a test: the long ones go together.
  const fixtures = alerts
    .flatMap((alert) => fixturesOf(alert, variables))
    .toSorted((a, b) => lastMinute(b) - lastMinute(a));
  for (const fixture of fixtures) {
    let place = tests.find(({ metrics }) => ![...fixture.metrics].some((metric) => metrics.has(metric)));
    if (place === undefined) tests.push((place = { fixtures: [], metrics: new Set() }));
    place.fixtures.push(fixture);
    for (const metric of fixture.metrics) place.metrics.add(metric);
  }
  return tests.map((test, index) => ({ name: `series ${index + 1}`, fixtures: test.fixtures }));
}

function lastMinute({ cases }: Fixture): number {
  return Math.max(...cases.map(({ atMinute }) => atMinute));
}

function fixturesOf(alert: Alert, variables: AlertVariables): Fixture[] {
  const byInput = new Map<string, Fixture>();
  const asked = selectorsOf(parseExpression(alert.expr(variables))).map(({ metric }) => metric);
  for (const each of alert.series(variables)) {
    const key = JSON.stringify(each.input);
    const known = byInput.get(key);
    if (known !== undefined) {
      known.cases.push(each);
      continue;
    }
    const given = each.input.map(({ series }) => series.slice(0, series.indexOf("{")));
    const metrics = new Set([...given, ...asked].filter((name) => name !== null));
    byInput.set(key, { alert, input: each.input, cases: [each], metrics });
  }
  return [...byInput.values()];
}

function expected(alert: Alert, { fires }: AlertCase): object[] {
  return fires.map((labels) => {
    const annotations = Object.entries(annotationsOf(alert)).map(([name, text]) => [name, filledIn(text, labels)]);
    return {
      exp_labels: { ...labels, ...alert.labels },
      exp_annotations: Object.fromEntries(annotations) as Labels,
    };
  });
}

/** What Prometheus makes of `{{ $labels.x }}`; of a label that is not there, nothing. */
function filledIn(text: string, labels: Labels): string {
  return text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? "");
}

import type { Labels } from "./alert.ts";
import type { Demand } from "./demands.ts";
import type { Matcher } from "./promql.ts";
import { selectorsOf } from "./promql.ts";
import type { WrittenRule } from "./rule-file.ts";
import type { AlertVariables } from "./variables.ts";

/** A rule of the user that may be what is demanded, to be tried on the series that decide. */
export interface Candidate {
  readonly rule: WrittenRule;
  readonly file: string;
  readonly demand: Demand;
  /** Recording rules it is built on. */
  readonly recordings: readonly WrittenRule[];
  /** The labels its selectors ask for; null when they ask for what cannot be guessed. */
  readonly labels: Labels | null;
}

/** What a candidate did. */
export interface Probed {
  readonly firesOnBad: boolean;
  readonly firesOnGood: boolean;
  readonly firesOnUnset: boolean;
}

interface SourceFile {
  readonly display: string;
  readonly rules: readonly WrittenRule[];
}

/** More than these of one demand are not tried: a file with hundreds of them is not written by hand. */
const mostTried = 30;

/** The alerts of files that ask for the metrics of a demand, through recording rules too. */
export function candidatesFor(demand: Demand, files: readonly SourceFile[]): Candidate[] {
  const recordings = new Map<string, WrittenRule[]>();
  for (const rule of files.flatMap(({ rules }) => rules)) {
    if (rule.kind !== "record" || rule.expression.errors.length > 0) continue;
    recordings.set(rule.name, [...(recordings.get(rule.name) ?? []), rule]);
  }
  const candidates: Candidate[] = [];
  for (const { display, rules } of files) {
    for (const rule of rules) {
      if (rule.kind !== "alert" || rule.expression.errors.length > 0 || candidates.length >= mostTried) continue;
      const used = usedBy(rule, recordings);
      const selectors = [rule, ...used].flatMap(({ expression }) => selectorsOf(expression));
      const about = selectors.filter(
        ({ metric }) => metric !== null && demand.metrics.some((base) => isOf(metric, base)),
      );
      if (about.length === 0) continue;
      const labels = labelsFor(selectors.flatMap(({ matchers }) => matchers));
      candidates.push({ rule, file: display, demand, recordings: used, labels });
    }
  }
  return candidates;
}

function isOf(metric: string, base: string): boolean {
  return (
    metric === base || (metric.startsWith(`${base}_`) && /^_(?:bucket|sum|count)$/.test(metric.slice(base.length)))
  );
}

function usedBy(rule: WrittenRule, recordings: ReadonlyMap<string, readonly WrittenRule[]>): WrittenRule[] {
  const used = new Set<WrittenRule>();
  const open = [rule];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { metric } of selectorsOf(next.expression)) {
      for (const recording of (metric === null ? undefined : recordings.get(metric)) ?? []) {
        if (used.has(recording)) continue;
        used.add(recording);
        open.push(recording);
      }
    }
  }
  return [...used].toReversed();
}

/** Labels that satisfy all matchers, whatever else the series may have. */
function labelsFor(matchers: readonly Matcher[]): Labels | null {
  const labels = new Map([
    ["job", "server"],
    ["instance", "server-1"],
  ]);
  // What fixes a value first: a pattern may then be satisfied already.
  for (const { label, operator, value } of matchers) {
    if (operator === "=" && label !== "le" && label !== "quantile") labels.set(label, value);
  }
  for (const { label, operator, value } of matchers) {
    if (operator !== "=~" || label === "le") continue;
    const matches = anchored(value);
    const words = ["etcd", "redis", "server", "production", "a", "1"];
    const guesses = [labels.get(label) ?? "", ...words, ...value.replaceAll(/[()^$]/g, "").split("|")];
    const guess = guesses.find((text) => text.length <= 50 && matches?.test(text));
    if (guess === undefined) return null;
    labels.set(label, guess);
  }
  for (const { label, operator, value } of matchers) {
    const now = labels.get(label) ?? "";
    const isRefused = operator === "!=" ? now === value : operator === "!~" && anchored(value)?.test(now) === true;
    if (isRefused && label !== "le") labels.set(label, `${now}x`);
  }
  return Object.fromEntries(labels);
}

/** RE2 of Prometheus as JavaScript; a pattern is given up that could take for ever here, or is not the same in both. */
function anchored(pattern: string): RegExp | null {
  const repetitions = pattern.match(/[*+{]/g)?.length ?? 0;
  if (pattern.length > 500 || repetitions > 3 || /\)[*+{]|\(\?[^:]/.test(pattern)) return null;
  try {
    return new RegExp(`^(?:${pattern})$`, "s");
  } catch {
    return null;
  }
}

/** Rules and tests for promtool that tell what each candidate does: it fires where a test that expects silence fails. */
export function probeFiles(
  candidates: readonly Candidate[],
  variables: AlertVariables,
  rulesFile: string,
): { readonly rules: object; readonly tests: object } {
  const recordings = new Set(candidates.flatMap((candidate) => candidate.recordings));
  const recorded = [...recordings].map(({ name, expression, labels }) => ({
    record: name,
    expr: expression.text,
    labels,
  }));
  const alerts = candidates.map(({ rule }, index) => ({
    alert: `Probe${index}`,
    expr: rule.expression.text,
    ...(rule.waits === null ? {} : { for: rule.waits }),
  }));
  const groups = [
    ...(recorded.length === 0 ? [] : [{ name: "recordings", rules: recorded }]),
    { name: "alerts", rules: alerts },
  ];
  const tests = [...new Set(candidates.map(({ demand }) => demand))].flatMap((demand) => {
    const indexed = [...candidates.entries()].filter(([, candidate]) => candidate.demand === demand);
    const expected = indexed.map(([index, candidate]) => ({
      eval_time: `${judgedAt(candidate)}m`,
      alertname: `Probe${index}`,
      exp_alerts: [],
    }));
    // What is bad for one is bad for all: their series can be there at once, and promtool takes as long as for one.
    const labels = new Map(indexed.map(([, candidate]) => [JSON.stringify(candidate.labels), candidate.labels ?? {}]));
    return (["bad", "good", "unset"] as const).flatMap((name) => {
      const input = [...labels.values()].flatMap((each) => demand[name]?.(each, variables) ?? []);
      return input.length === 0 ? [] : [{ interval: "1m", name, input_series: input, alert_rule_test: expected }];
    });
  });
  return { rules: { groups }, tests: { rule_files: [rulesFile], evaluation_interval: "1m", tests } };
}

/** Minutes after the first sample at which a candidate must fire: its `for`, and what rates need to settle. */
function judgedAt({ rule }: Candidate): number {
  const units: Readonly<Record<string, number>> = { ms: 0, s: 1 / 60, m: 1, h: 60, d: 1440, w: 10_080, y: 525_600 };
  let minutes = 0;
  for (const [, count, unit] of (rule.waits ?? "").matchAll(/(\d+)(ms|[smhdwy])/g)) {
    minutes += Number(count) * units[unit!]!;
  }
  return Math.ceil(Math.min(minutes, 170)) + 30;
}

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

/** More than these of one demand are not tried: such a file was made by a program, and promtool gets a minute. */
const mostTried = 1000;

/** The alerts of files that ask for the metrics of a demand, through recording rules too. Of those beyond the most, `labels` is null. */
export function candidatesFor(demand: Demand, files: readonly SourceFile[]): Candidate[] {
  const recordings = new Map<string, WrittenRule[]>();
  for (const rule of files.flatMap(({ rules }) => rules)) {
    if (rule.kind !== "record" || rule.expression.errors.length > 0) continue;
    recordings.set(rule.name, [...(recordings.get(rule.name) ?? []), rule]);
  }
  const candidates: Candidate[] = [];
  for (const { display, rules } of files) {
    for (const rule of rules) {
      if (rule.kind !== "alert" || rule.expression.errors.length > 0) continue;
      const used = usedBy(rule, recordings);
      const selectors = [rule, ...used].flatMap(({ expression }) => selectorsOf(expression));
      const about = selectors.filter(
        ({ metric }) => metric !== null && demand.metrics.some((base) => isOf(metric, base)),
      );
      if (about.length === 0) continue;
      const isOneMore = candidates.length >= mostTried;
      const labels = isOneMore ? null : labelsFor(selectors.flatMap(({ matchers }) => matchers));
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

/** What decides: what must fire, what must not, and what must not where no limit is set. */
export const probeKinds = ["bad", "good", "unset"] as const;

export type ProbeKind = (typeof probeKinds)[number];

/**
 * Rules and tests for promtool that tell what each candidate does. Its expression is asked once, when all series are what they
 * stay: as an alert, promtool would evaluate it in each minute before that too, and hundreds of them would take seconds. Each
 * expression ends in a comment by which what promtool says of it is known.
 */
export function probeFiles(
  candidates: readonly Candidate[],
  variables: AlertVariables,
  rulesFile: string,
): { readonly rules: object; readonly tests: object } {
  const recordings = new Set(candidates.flatMap((candidate) => candidate.recordings));
  const rules = [...recordings].map(({ name, expression, labels }) => ({
    record: name,
    expr: expression.text,
    labels,
  }));
  const groups = rules.length === 0 ? [] : [{ name: "recordings", rules }];
  const tests = [...new Set(candidates.map(({ demand }) => demand))].flatMap((demand) => {
    const indexed = [...candidates.entries()].filter(([, candidate]) => candidate.demand === demand);
    // What is bad for one is bad for all: their series can be there at once, and promtool takes as long as for one.
    const labels = new Map(indexed.map(([, candidate]) => [JSON.stringify(candidate.labels), candidate.labels ?? {}]));
    const longest = labels.size > manyLabels ? longestOfMany : longestOfFew;
    const asked = indexed.map(([index, candidate]) => ({ index, candidate, minute: judgedAt(candidate, longest) }));
    const last = Math.max(...asked.map(({ minute }) => minute));
    return probeKinds.flatMap((name) => {
      const input = [...labels.values()].flatMap((each) => demand[name]?.(each, variables) ?? []);
      const series = input.map((each) => ({ ...each, values: each.values.replace(/x\d+$/, `x${last + 1}`) }));
      const expressions = asked.map(({ index, candidate, minute }) => ({
        expr: `${candidate.rule.expression.text}\n${mark(name, index)}`,
        eval_time: `${minute}m`,
        exp_samples: [],
      }));
      return input.length === 0 ? [] : [{ interval: "1m", name, input_series: series, promql_expr_test: expressions }];
    });
  });
  return { rules: { groups }, tests: { rule_files: [rulesFile], evaluation_interval: "1m", tests } };
}

function mark(kind: ProbeKind, index: number): string {
  return `# snowshed ${kind} ${index}`;
}

/** What promtool says of a probe: by the mark, whether it fires; null of one it could not evaluate. */
export function probeAnswers(output: string): ReadonlyMap<string, boolean | null> {
  const answers = new Map<string, boolean | null>();
  for (const [, kind, index, error] of output.matchAll(/# snowshed (\w+) (\d+)", time: [^,]*,( err: )?/g)) {
    answers.set(`${kind} ${index}`, error === undefined ? true : null);
  }
  return answers;
}

/** Minutes a candidate must hold before it fires. */
export function waitsMinutes({ rule }: Candidate): number {
  return minutesOf(rule.waits ?? "");
}

function minutesOf(durations: string): number {
  const units: Readonly<Record<string, number>> = { ms: 0, s: 1 / 60, m: 1, h: 60, d: 1440, w: 10_080, y: 525_600 };
  let minutes = 0;
  for (const [, count, unit] of durations.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    minutes += Number(count) * units[unit!]!;
  }
  return minutes;
}

/** How far back it looks, at most: all its windows and offsets, also of what it is built on. */
function looksBackMinutes({ rule, recordings }: Candidate): number {
  const texts = [rule, ...recordings].map(({ expression }) => expression.text);
  return minutesOf(
    [...texts.join("\n").matchAll(/(?:\[|offset\s)\s*([\dsmhdwy]+)/g)].map(([, each]) => each).join(" "),
  );
}

/** An alert that waits for longer comes too late to count. */
export const longestWait = 170;

/** Each set of labels has its own series: of many, a day of samples would take promtool minutes. */
const [manyLabels, longestOfMany, longestOfFew] = [20, 200, 1500];

/** Minutes after the first sample: those that it waits and looks back, and what rates need to settle. */
function judgedAt(candidate: Candidate, longest: number): number {
  const waits = Math.min(waitsMinutes(candidate), longestWait);
  return Math.min(Math.ceil(waits + looksBackMinutes(candidate)) + 30, longest);
}

import type { Severity } from "../finding.ts";
import type { Rule } from "../rule.ts";

export type LintId =
  | "mandatory-missing"
  | "fires-always"
  | "rule-file"
  | "promql-syntax"
  | "empty-group"
  | "duplicate-name"
  | "quantile-on-histogram"
  | "bare-histogram"
  | "quantile-without-le"
  | "quantile-without-rate"
  | "unguarded-divisor"
  | "rate-on-gauge"
  | "counter-without-rate"
  | "range-missing"
  | "unknown-series"
  | "promtool"
  | "promtool-test"
  | "not-built"
  | "variable"
  | "include";

interface LintRule {
  readonly severity: Severity;
  readonly origin?: "article" | "vendor" | "measured";
  readonly title: string;
  readonly rationale: string;
  readonly sources: readonly string[];
  readonly fix: string;
  /** An expression, or a whole file of rules, that it is about, and one that it is not. None where more than a file decides. */
  readonly examples?: { readonly wrong: string; readonly right: string };
}

const functions = "https://prometheus.io/docs/prometheus/latest/querying/functions/";
const histograms = "https://prometheus.io/docs/practices/histograms/";
const page = "https://github.com/snowshed/snowshed/blob/main/docs/gate-alerts.md";
const unitTests = "https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/";
const alerting = "https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/";

/** What the stage says of alert rules, by id without `rules/`. */
const table: Readonly<Record<LintId, LintRule>> = {
  "mandatory-missing": {
    severity: "error",
    origin: "article",
    title: "An alert that the article demands is missing",
    rationale:
      "A cluster was read-only for 23 minutes because nothing watched its disk. A rule of your own counts when it fires on the series of a case that must not be missed, whatever its form.",
    sources: ["the article, chapter 5"],
    fix: "Let `snowshed gate rules build` write it, or add a rule of your own that fires in the same case.",
  },
  "fires-always": {
    severity: "error",
    title: "An alert fires when all is well",
    rationale: "Nobody looks at an alert that is always there.",
    sources: [alerting],
    fix: "Compare with a limit that a healthy server does not reach.",
  },
  "rule-file": {
    severity: "error",
    title: "A rule file cannot be read",
    rationale: "Prometheus refuses the whole configuration, and goes on with the old one.",
    sources: [alerting],
    fix: "Make it a YAML file with `groups`; render templates first.",
    examples: { wrong: "groups: 3", right: "groups: [{ name: a, rules: [{ record: a, expr: up }] }]" },
  },
  "promql-syntax": {
    severity: "error",
    title: "An expression is no PromQL",
    rationale: "Prometheus refuses the whole configuration, and goes on with the old one.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/basics/"],
    fix: "Correct the expression.",
    examples: { wrong: "sum(rate(up[5m])", right: "sum(rate(up[5m]))" },
  },
  "empty-group": {
    severity: "warning",
    title: "A group has no rules",
    rationale: "It looks as if something were watched.",
    sources: [alerting],
    fix: "Add its rules, or remove the group.",
    examples: { wrong: "groups: []", right: "groups: [{ name: a, rules: [{ record: a, expr: up }] }]" },
  },
  "duplicate-name": {
    severity: "warning",
    title: "A name is used twice",
    rationale:
      "Two groups of one name in a file are refused by Prometheus; two equal alerts notify twice and hide which is meant.",
    sources: [alerting],
    fix: "Give each its own name.",
    examples: {
      wrong: "groups: [{ name: a, rules: [{ record: a, expr: up }, { record: a, expr: up }] }]",
      right: "groups: [{ name: a, rules: [{ record: a, expr: up }, { record: a, expr: up, labels: { b: c } }] }]",
    },
  },
  "quantile-on-histogram": {
    severity: "error",
    title: "A quantile is asked of a histogram by a label",
    rationale:
      "A histogram has buckets, not a label quantile: the selector matches nothing, and the alert never fires while commits take seconds.",
    sources: [histograms],
    fix: "histogram_quantile(0.99, sum by (job, instance, le) (rate(…_bucket[5m])))",
    examples: {
      wrong: 'etcd_disk_wal_fsync_duration_seconds{quantile="0.99"} > 1',
      right: "histogram_quantile(0.99, sum by (le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))) > 1",
    },
  },
  "bare-histogram": {
    severity: "error",
    title: "A histogram is asked for by its bare name",
    rationale: "Its series end in _bucket, _sum and _count: the bare name matches nothing.",
    sources: [histograms],
    fix: "Take the buckets: histogram_quantile(0.99, sum by (job, instance, le) (rate(…_bucket[5m])))",
    examples: {
      wrong: "rate(etcd_disk_wal_fsync_duration_seconds[5m]) > 1",
      right: "rate(etcd_disk_wal_fsync_duration_seconds_count[5m]) > 1",
    },
  },
  "quantile-without-le": {
    severity: "error",
    title: "histogram_quantile() without le",
    rationale: "When a sum drops le there are no buckets left, and the result is empty.",
    sources: [`${functions}#histogram_quantile`],
    fix: "Put le into the labels of `by`.",
    examples: {
      wrong: "histogram_quantile(0.99, sum by (job) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))) > 1",
      right: "histogram_quantile(0.99, sum by (job, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))) > 1",
    },
  },
  "quantile-without-rate": {
    severity: "warning",
    title: "histogram_quantile() over everything since the start",
    rationale: "Buckets only grow: without rate() what happens now is lost in what happened in weeks.",
    sources: [`${functions}#histogram_quantile`],
    fix: "Take rate(…_bucket[5m]).",
    examples: {
      wrong: "histogram_quantile(0.99, etcd_disk_wal_fsync_duration_seconds_bucket) > 1",
      right: "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m])) > 1",
    },
  },
  "unguarded-divisor": {
    severity: "warning",
    title: "A share of a limit that may not be set",
    rationale: "The exporter shows 0 where no limit is set; a share of 0 is infinite, and the alert fires for ever.",
    sources: ["https://github.com/samber/awesome-prometheus-alerts/issues/410"],
    fix: "Divide by (… > 0), and alert on the limit that is not set apart.",
    examples: {
      wrong: "redis_memory_used_bytes / redis_memory_max_bytes > 0.75",
      right: "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.75",
    },
  },
  "rate-on-gauge": {
    severity: "warning",
    title: "rate() of a gauge",
    rationale: "rate() takes each fall for a restart of a counter: the result is wrong whenever the value goes down.",
    sources: [`${functions}#rate`],
    fix: "Use deriv() or delta(), or compare the gauge itself.",
    examples: { wrong: "rate(redis_memory_used_bytes[5m]) > 0", right: "deriv(redis_memory_used_bytes[5m]) > 0" },
  },
  "counter-without-rate": {
    severity: "warning",
    title: "A counter is compared as it is",
    rationale: "It never falls: after the first event the alert fires until the process restarts.",
    sources: [`${functions}#increase`],
    fix: "Compare increase(…[15m]) or rate(…[5m]).",
    examples: { wrong: "redis_evicted_keys_total > 0", right: "increase(redis_evicted_keys_total[15m]) > 0" },
  },
  "range-missing": {
    severity: "error",
    title: "A function of a range gets no range",
    rationale: "Prometheus refuses the expression.",
    sources: [functions],
    fix: "Give it a window, such as [5m].",
    examples: { wrong: "rate(redis_evicted_keys_total) > 0", right: "rate(redis_evicted_keys_total[5m]) > 0" },
  },
  "unknown-series": {
    severity: "warning",
    title: "No exporter has such a series",
    rationale: "A rule on a series that is not there is silent for ever.",
    sources: [page],
    fix: "Correct the name, or add an alert on absent(…).",
    examples: { wrong: "redis_memory_use_bytes > 1", right: "redis_memory_used_bytes > 1" },
  },
  promtool: {
    severity: "error",
    title: "promtool refuses a rule file",
    rationale: "Prometheus would refuse it as well.",
    sources: [alerting],
    fix: "Correct what it names.",
  },
  "promtool-test": {
    severity: "error",
    title: "A rule does not do what its test says",
    rationale: "It fires too late, never, or when all is well.",
    sources: [unitTests],
    fix: "Correct the rule or the test.",
  },
  "not-built": {
    severity: "warning",
    title: "The rules are not what the configuration gives",
    rationale: "What Prometheus loads is the file.",
    sources: [page],
    fix: "Run `snowshed gate rules build`.",
  },
  variable: {
    severity: "error",
    title: "A variable of the alert rules cannot be used",
    rationale: "A limit that nothing can reach is an alert that never fires.",
    sources: [page],
    fix: "See the variables in docs/gate-alerts.md.",
  },
  include: {
    severity: "error",
    title: "An entry of alerts.include names no alert",
    rationale: "What it was meant to include is missing.",
    sources: [page],
    fix: "See the ids in docs/gate-alerts.md.",
  },
};

/** As rules of the gate: exceptions and reports name them. The stage itself finds what they are about, in rule files. */
export const lintRules: readonly Rule[] = Object.entries(table).map(([id, rule]) => ({
  meta: {
    id: `rules/${id}`,
    stage: "rules",
    severity: rule.severity,
    origin: rule.origin ?? "vendor",
    title: rule.title,
    rationale: rule.rationale,
    sources: rule.sources,
    fix: rule.fix,
    needs: ["static"],
  },
  check: () => {},
  tests: { valid: [], invalid: [] },
}));

/** Of those that a file alone decides: what they are about and what not, by id. @internal */
export const lintExamples: readonly (readonly [string, { readonly wrong: string; readonly right: string }])[] =
  Object.entries(table).flatMap(([id, { examples }]) => (examples === undefined ? [] : [[`rules/${id}`, examples]]));

const byId = new Map(lintRules.map(({ meta }) => [meta.id, meta]));

export function lintRule(id: LintId): Rule["meta"] {
  return byId.get(`rules/${id}`)!;
}

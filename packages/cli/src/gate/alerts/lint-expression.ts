import type { SyntaxNode } from "@lezer/common";
import type { Severity } from "../finding.ts";
import type { LintId } from "./lint-rule.ts";
import { histogramOf, kindOf, unknownMetric, zeroWhenUnset } from "./metric-catalogue.ts";
import type { Expression, Selector } from "./promql.ts";
import { argumentsOf, bare, childrenOf, functionName, selectorsOf, sidesOf, textOf } from "./promql.ts";

/** What is wrong at a place of an expression. */
export interface ExpressionProblem {
  readonly rule: LintId;
  readonly offset: number;
  readonly message: string;
  readonly severity?: Severity;
  readonly fix?: string;
}

const overRange = /^(?:rate|irate|increase|delta|idelta|deriv|predict_linear|changes|resets|.*_over_time)$/;
const ofCounters = new Set(["rate", "irate", "increase"]);
const ofPresence = new Set([
  "absent",
  "absent_over_time",
  "present_over_time",
  "timestamp",
  "resets",
  "changes",
  "count",
]);

/**
 * What PromQL allows and does not do what its author meant. `recorded` are the names that recording rules of the same files
 * make: they are no exporter's, and nothing is known of them.
 */
export function lintExpression(expression: Expression, recorded: ReadonlySet<string>): ExpressionProblem[] {
  if (expression.errors.length > 0) {
    return expression.errors.slice(0, 3).map(({ offset, message }) => ({ rule: "promql-syntax", offset, message }));
  }
  const selectors = selectorsOf(expression).filter(({ metric }) => metric !== null && !recorded.has(metric));
  return [
    ...selectors.flatMap((selector) => ofSelector(expression, selector)),
    ...expression.nodes.FunctionCall.flatMap((call) => ofCall(expression, call)),
    ...expression.nodes.BinaryExpr.flatMap((node) => ofDivision(expression, node)),
  ].toSorted((a, b) => a.offset - b.offset);
}

function ofSelector(expression: Expression, { node, metric, matchers }: Selector): ExpressionProblem[] {
  const name = metric!;
  const offset = node.from;
  if (kindOf(name) === "histogram") {
    const quantile = matchers.find(({ label }) => label === "quantile");
    const value = quantile !== undefined && /^0?\.\d+$/.test(quantile.value) ? quantile.value : "0.99";
    const fix = `histogram_quantile(${value}, sum by (job, instance, le) (rate(${name}_bucket[5m])))`;
    if (quantile === undefined) {
      const message = `${name} is a histogram: it has series ${name}_bucket, _sum and _count, none of this name`;
      return [{ rule: "bare-histogram", offset, message, fix }];
    }
    const message = `${name} is a histogram and has no label quantile: this never matches anything`;
    return [{ rule: "quantile-on-histogram", offset, message, fix }];
  }
  const unknown = unknownMetric(name);
  if (unknown !== null) {
    const meant = unknown.meant === undefined ? "" : `; did you mean ${unknown.meant}?`;
    const severity = unknown.certain ? "warning" : "info";
    return [{ rule: "unknown-series", offset, message: `no known exporter has ${name}${meant}`, severity }];
  }
  if (kindOf(name) === "counter" && isCompared(expression, node)) {
    const message = `${name} is a counter: it never falls, and neither does this alert once it fires`;
    return [{ rule: "counter-without-rate", offset, message, fix: `increase(${name}[15m])` }];
  }
  return [];
}

/** Whether the value itself decides, and no function that makes something of a counter stands between. */
function isCompared(expression: Expression, node: SyntaxNode): boolean {
  for (let at: SyntaxNode | null = node.parent; at !== null; at = at.parent) {
    if (at.name === "MatrixSelector" || at.name === "SubqueryExpr") return false;
    if (at.name === "FunctionCall") {
      const name = functionName(expression, at);
      if (ofPresence.has(name) || overRange.test(name)) return false;
    }
    if (at.name === "AggregateExpr" && /^(?:count|group)\b/i.test(textOf(expression, at))) return false;
    const sides = sidesOf(at);
    // A difference or a share of counters is something else; so is a comparison of two of them.
    if (sides !== null) return comparisons.has(sides.operator) && isConstant(sides.left, sides.right);
  }
  return false;
}

const comparisons = new Set(["Gtr", "Gte", "Lss", "Lte", "Eql", "Neq"]);

function isConstant(...nodes: readonly SyntaxNode[]): boolean {
  return nodes.some((node) => ["NumberDurationLiteral", "UnaryExpr"].includes(bare(node).name));
}

function ofCall(expression: Expression, call: SyntaxNode): ExpressionProblem[] {
  const name = functionName(expression, call);
  const given = argumentsOf(call);
  if (overRange.test(name)) {
    // Of quantile_over_time, the range is the second.
    const range = given.find((each) =>
      ["MatrixSelector", "SubqueryExpr", "OffsetExpr", "StepInvariantExpr", "AnchoredExpr", "SmoothedExpr"].includes(
        bare(each).name,
      ),
    );
    if (range === undefined && given.length > 0) {
      return [{ rule: "range-missing", offset: call.from, message: `${name}() needs a range, such as [5m]` }];
    }
    if (!ofCounters.has(name) || range === undefined || bare(range).name === "SubqueryExpr") return [];
    const metric = selectorsOf(expression).find(({ node }) => node.from >= range.from && node.to <= range.to)?.metric;
    // Some that only grow are called gauges by who exports them.
    if (metric === null || metric === undefined || kindOf(metric) !== "gauge" || /_(?:total|offset)$/.test(metric))
      return [];
    return [
      { rule: "rate-on-gauge", offset: call.from, message: `${metric} is a gauge: ${name}() of it means nothing` },
    ];
  }
  if (name === "histogram_quantile" && given.length === 2) return ofQuantile(expression, call, bare(given[1]!));
  return [];
}

function ofQuantile(expression: Expression, call: SyntaxNode, buckets: SyntaxNode): ExpressionProblem[] {
  const problems: ExpressionProblem[] = [];
  const inside = selectorsOf(expression).filter((each) => each.node.from >= buckets.from && each.node.to <= buckets.to);
  // A native histogram has no buckets of its own series, and loses nothing in a sum.
  const isClassic = inside.some(({ metric }) => metric !== null && /_bucket(?::|$)/.test(metric));
  let node = isClassic ? buckets : call;
  while (node.name === "AggregateExpr") {
    if (!keepsBuckets(expression, node)) {
      const message = "the aggregation drops le: no buckets are left to make a quantile of";
      problems.push({ rule: "quantile-without-le", offset: node.from, message });
      break;
    }
    const inner = argumentsOf(node).at(-1);
    if (inner === undefined) break;
    node = bare(inner);
  }
  for (const { metric, node: at } of inside) {
    if (metric === null || !/_(?:sum|count)$/.test(metric) || histogramOf(metric) === null) continue;
    const message = `${metric} has no buckets: take ${histogramOf(metric)}_bucket`;
    problems.push({ rule: "quantile-without-le", offset: at.from, message });
  }
  const raw = inside.find(({ metric, node: at }) => metric?.endsWith("_bucket") && !isInRange(at));
  if (raw !== undefined) {
    const message = `the quantile is over everything since ${raw.metric} began`;
    problems.push({ rule: "quantile-without-rate", offset: call.from, message });
  }
  return problems;
}

function keepsBuckets(expression: Expression, aggregation: SyntaxNode): boolean {
  // These choose among series, and leave them as they are.
  if (/^(?:topk|bottomk|limitk|limit_ratio)\b/i.test(textOf(expression, aggregation))) return true;
  const modifier = aggregation.getChild("AggregateModifier");
  if (modifier === null) return false;
  const names = childrenOf(modifier.getChild("GroupingLabels")).map((label) =>
    textOf(expression, label).replaceAll('"', ""),
  );
  return names.includes("le") === (modifier.getChild("By") !== null);
}

function isInRange(node: SyntaxNode): boolean {
  for (let at = node.parent; at !== null; at = at.parent) {
    if (at.name === "MatrixSelector" || at.name === "SubqueryExpr") return true;
  }
  return false;
}

function ofDivision(expression: Expression, node: SyntaxNode): ExpressionProblem[] {
  const sides = sidesOf(node);
  if (sides === null || sides.operator !== "Div") return [];
  const { right } = sides;
  const limit = selectorsOf(expression).find(
    ({ node: at, metric }) =>
      at.from >= right.from && at.to <= right.to && metric !== null && zeroWhenUnset.has(metric),
  );
  if (
    limit === undefined ||
    isGuarded(expression, limit.node, right) ||
    isGuardedOutside(expression, node, limit.metric!)
  )
    return [];
  const message = `${limit.metric} is 0 where no limit is set: the share is then infinite, and this fires for ever`;
  return [{ rule: "unguarded-divisor", offset: right.from, message, fix: `Divide by (${limit.metric} > 0)` }];
}

/** Whether series that are 0 are dropped between the selector and the divisor. */
function isGuarded(expression: Expression, limit: SyntaxNode, divisor: SyntaxNode): boolean {
  for (
    let at: SyntaxNode | null = limit.parent;
    at !== null && at.from >= divisor.from && at.to <= divisor.to;
    at = at.parent
  ) {
    const sides = sidesOf(at);
    if (sides !== null && ["Gtr", "Neq", "Gte"].includes(sides.operator) && at.getChild("BoolModifier") === null) {
      // `>= 0` leaves the zeros in.
      if (sides.operator !== "Gte" || Number(textOf(expression, bare(sides.right))) !== 0) return true;
    }
    if (at.name === "FunctionCall" && functionName(expression, at) === "clamp_min") return true;
  }
  return false;
}

/** `… and limit > 0`, `… unless limit == 0`, and a share that must be below infinity. */
function isGuardedOutside(expression: Expression, division: SyntaxNode, metric: string): boolean {
  for (let at = division.parent; at !== null; at = at.parent) {
    const sides = sidesOf(at);
    if (sides === null) continue;
    const other = sides.left.from <= division.from && sides.left.to >= division.to ? sides.right : sides.left;
    const text = textOf(expression, other);
    if (["And", "Unless"].includes(sides.operator) && text.includes(metric)) return true;
    if (["Lss", "Neq"].includes(sides.operator) && /^\s*\+?inf\s*$/i.test(text)) return true;
  }
  return false;
}

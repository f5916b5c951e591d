import type { Alert } from "../../../src/gate/alerts/alert.ts";
import { bare, parseExpression, selectorsOf, sidesOf } from "../../../src/gate/alerts/promql.ts";
import type { AlertVariables } from "../../../src/gate/alerts/variables.ts";

/** An alert with a fault planted in it; its fixtures are those of the right one. Null: there is no place for the fault. */
type Plant = (alert: Alert, variables: AlertVariables) => Alert | null;

function withExpr(alert: Alert, expr: string): Alert {
  return { ...alert, expr: () => expr };
}

/** What the whole expression is compared with, replaced. */
function withLimit(change: (limit: number) => number): Plant {
  return (alert, variables) => {
    const text = alert.expr(variables);
    const expression = parseExpression(text);
    // The last: `a > 1 and b > 0` is two limits, of which the first is the second's brother.
    const limits = expression.nodes.BinaryExpr.flatMap((node) => {
      const sides = sidesOf(node);
      const isLimit = sides !== null && /^(?:Gtr|Gte|Lss|Lte|Eql)$/.test(sides.operator);
      const isInner = node.parent?.name === "ParenExpr";
      return isLimit && !isInner && bare(sides.right).name === "NumberDurationLiteral" ? [sides.right] : [];
    });
    const [limit] = limits;
    if (limit === undefined) return null;
    const number = Number(text.slice(limit.from, limit.to));
    return withExpr(alert, `${text.slice(0, limit.from)}${change(number)}${text.slice(limit.to)}`);
  };
}

/** Each alert with one fault of a kind. Every one of them must fail its tests. */
export const plants: Readonly<Record<string, Plant>> = {
  "the limit is twice as high": withLimit((limit) => (limit === 0 ? 2 : limit * 2)),
  "the limit is half as high": withLimit((limit) => (limit === 0 ? -1 : limit / 2)),
  "the metric has another name": (alert, variables) => {
    const text = alert.expr(variables);
    const [first] = selectorsOf(parseExpression(text));
    const end = first!.node.from + first!.metric!.length;
    return withExpr(alert, `${text.slice(0, end)}_renamed${text.slice(end)}`);
  },
  "no histogram_quantile, as the article has it": (alert, variables) => {
    const literal = alert
      .expr(variables)
      .replace(/histogram_quantile\(([\d.]+), sum by \([^)]*\) \(rate\((\w+)_bucket\[5m\]\)\)\)/, '$2{quantile="$1"}');
    return literal === alert.expr(variables) ? null : withExpr(alert, literal);
  },
  "the sum drops le": (alert, variables) => {
    const text = alert.expr(variables).replace(", le)", ")");
    return text === alert.expr(variables) ? null : withExpr(alert, text);
  },
  "the divisor is not guarded": (alert, variables) => {
    const text = alert.expr(variables).replace(/\((\w+) > 0\)/, "$1");
    // A resource without a bound has a capacity of infinity, never of 0.
    const isGuard = text !== alert.expr(variables) && alert.meta.id !== "snowshed/resource-full";
    return isGuard ? withExpr(alert, text) : null;
  },
  "it does not wait": (alert) => (alert.forMinutes === 0 ? null : { ...alert, forMinutes: 0 }),
};

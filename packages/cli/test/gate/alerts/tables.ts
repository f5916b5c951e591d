import type { AlertVariables } from "../../../src/gate/alerts/variables.ts";
import { alertVariables } from "../../../src/gate/alerts/variables.ts";
import { alerts } from "../../../src/gate/rules/alerts/index.ts";
import { rulesRules } from "../../../src/gate/rules/rules/index.ts";

/** The variables by their names, so that an expression shows which it takes. */
const named = new Proxy({} as AlertVariables, { get: (_, name) => `$${String(name)}` });

/** The tables of docs/gate-alerts.md, as they follow from the rules. */
export const tables: Readonly<Record<string, readonly string[]>> = {
  alerts: alerts.map(({ meta, labels, forMinutes, expr }) => {
    const preset = meta.preset === undefined ? "" : `, only \`${meta.preset}\``;
    const wait = forMinutes === 0 ? "at once" : `${forMinutes} min`;
    return `| \`${meta.id}\` | \`${meta.alert}\` | ${labels.severity}${preset} | ${wait} | \`${expr(named)}\` |`;
  }),
  variables: Object.entries(alertVariables).map(
    ([name, { value, min, max }]) => `| \`${name}\` | ${value} | ${min} to ${max} |`,
  ),
  findings: rulesRules.map(({ meta }) => `| \`${meta.id}\` | ${meta.severity} | ${meta.title}. ${meta.rationale} |`),
};

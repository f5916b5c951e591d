import { stringify } from "yaml";
import type { Alert } from "./alert.ts";
import { exporters } from "./alert.ts";
import type { AlertVariables } from "./variables.ts";

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** What Prometheus loads: a group for each exporter, the same text for the same alerts and numbers. */
export function ruleGroups(alerts: readonly Alert[], variables: AlertVariables): RuleGroups {
  const groups = exporters.map((exporter) => ({
    name: `snowshed-${exporter}`,
    rules: alerts.filter(({ meta }) => meta.exporter === exporter).map((alert) => ruleOf(alert, variables)),
  }));
  return { groups: groups.filter(({ rules }) => rules.length > 0) };
}

function ruleOf(alert: Alert, variables: AlertVariables): AlertRule {
  const { meta, forMinutes, labels } = alert;
  return {
    alert: meta.alert,
    expr: alert.expr(variables),
    ...(forMinutes === 0 ? {} : { for: `${forMinutes}m` }),
    labels: { ...labels },
    annotations: annotationsOf(alert),
  };
}

/** With the templates in them. */
export function annotationsOf({ meta, annotations }: Alert): Readonly<Record<string, string>> {
  return { summary: annotations.summary, description: `${meta.rationale} ${meta.fix}`, snowshed_rule: meta.id };
}

/** The rules as a file. */
export function ruleFile(groups: RuleGroups): string {
  const head = "# Written by `snowshed gate rules build`: change snowshed.yaml, not this file.\n";
  return head + stringify(groups, { lineWidth: 0 });
}

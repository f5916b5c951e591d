import type { Origin } from "../rule.ts";
import type { AlertVariables } from "./variables.ts";

/** Who exports the series an alert is about. Each is a group of rules and a row of the dashboard. */
export const exporters = ["etcd", "redis", "kafka", "snowshed", "linux"] as const;

export type Exporter = (typeof exporters)[number];

/** What the article demands; a user's own rule counts when it fires on the same series. */
export type Mandatory = "etcd-backend-commit" | "etcd-wal-fsync" | "redis-memory";

export type Labels = Readonly<Record<string, string>>;

/** One time series of a fixture, with a sample for each minute, in the notation of promtool. */
export interface FixtureSeries {
  readonly series: string;
  readonly values: string;
}

/** What an alert does with some series at a time. */
export interface AlertCase {
  readonly name: string;
  readonly input: readonly FixtureSeries[];
  /** Minutes after the first sample. */
  readonly atMinute: number;
  /** The labels of each alert that fires, without its name and its own labels. Empty: silent. */
  readonly fires: readonly Labels[];
}

export interface AlertMeta {
  /** `<exporter>/<name>`, which is also its file: rules/alerts/<exporter>/<name>.ts. */
  readonly id: string;
  /** As Prometheus shows it. */
  readonly alert: string;
  readonly exporter: Exporter;
  readonly origin: Origin;
  readonly title: string;
  readonly rationale: string;
  readonly sources: readonly string[];
  readonly fix: string;
  /** Default: both. */
  readonly preset?: "article" | "recommended";
  readonly mandatory?: Mandatory;
}

/** What the dashboard draws: the value that is compared, and with what. */
export interface AlertPanel {
  expr(variables: AlertVariables): string;
  limit(variables: AlertVariables): number;
  /** Of Grafana: `s`, `percentunit`, `short`, `cps`. */
  readonly unit: "s" | "percentunit" | "short" | "cps";
}

/** One alert rule: what Prometheus evaluates, and the series that prove it fires when it should and not before. */
export interface Alert {
  readonly meta: AlertMeta;
  expr(variables: AlertVariables): string;
  readonly forMinutes: number;
  readonly labels: { readonly severity: "critical" | "warning" };
  /** `{{ $labels.x }}` is the only template: what tests expect can then be written down. */
  readonly annotations: { readonly summary: string };
  series(variables: AlertVariables): readonly AlertCase[];
  /** None of a companion that watches whether series are there. */
  readonly panel?: AlertPanel;
}

/** An alert as it is: its type is checked, nothing else happens. */
export function defineAlert(alert: Alert): Alert {
  return alert;
}

import type { Metric, MetricFamily, MetricSample } from "../../metrics/metric.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import { acceptsOpenMetrics } from "./accept.ts";
import { cumulative, metricName } from "./metric-names.ts";

export interface Exposition {
  /** For the response header. */
  readonly contentType: string;
  readonly body: string;
}

const plainText = "text/plain; version=0.0.4; charset=utf-8";
const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/**
 * What Prometheus reads from `/metrics`: its text format 0.0.4, or OpenMetrics 1.0.0 where `accept`, the header of the
 * request, prefers that. Never throws.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { exposition, Metrics } from "snowshed/prometheus";
 *
 * const metrics = new Metrics();
 * const server = createServer((request, response) => {
 *   const { contentType, body } = exposition(metrics, request.headers.accept);
 *   response.setHeader("Content-Type", contentType).end(body);
 * });
 * console.log(exposition(metrics).contentType, server.listening); // text/plain; version=0.0.4; charset=utf-8 false
 * ```
 */
export function exposition(metrics: Metrics, accept?: string): Exposition {
  const isOpen = acceptsOpenMetrics(accept);
  const lines = metrics.collect().flatMap((family) => familyLines(family, isOpen));
  if (isOpen) lines.push("# EOF");
  return { contentType: isOpen ? openMetrics : plainText, body: `${lines.join("\n")}\n` };
}

function familyLines({ metric, samples }: MetricFamily, isOpen: boolean): string[] {
  const name = metricName(metric);
  // OpenMetrics names a counter without what its samples end in.
  const family = isOpen && metric.type === "counter" ? name.replace(/_total$/, "") : name;
  const lines = [`# HELP ${family} ${isOpen ? escapeLabel(metric.help) : escapeHelp(metric.help)}`];
  lines.push(`# TYPE ${family} ${metric.type}`);
  if (isOpen && metric.unit === "s") lines.push(`# UNIT ${family} seconds`);
  for (const sample of samples) lines.push(...sampleLines(name, metric, sample, isOpen));
  return lines;
}

function sampleLines(name: string, metric: Metric, sample: MetricSample, isOpen: boolean): string[] {
  const labels = metric.labels.map((label) => `${label}="${escapeLabel(sample.labels[label] ?? "")}"`);
  const line = (suffix: string, value: number, ...more: readonly string[]): string => {
    const all = [...labels, ...more];
    return `${name}${suffix}${all.length === 0 ? "" : `{${all.join(",")}}`} ${numberText(value)}`;
  };
  const { histogram } = sample;
  if (histogram === undefined) return [line("", sample.value)];
  const buckets = cumulative(histogram);
  return [
    ...buckets.map(({ bound, count }) => line("_bucket", count, `le="${boundText(bound, isOpen)}"`)),
    line("_sum", sample.value),
    line("_count", buckets.at(-1)!.count),
  ];
}

/** What both formats read; none of them knows `Infinity`. */
function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}

/** OpenMetrics compares bounds as text, so they have a canonical form. */
function boundText(bound: number, isOpen: boolean): string {
  return isOpen && Number.isInteger(bound) ? bound.toFixed(1) : numberText(bound);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

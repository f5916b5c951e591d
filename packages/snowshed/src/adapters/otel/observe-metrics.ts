import { checkFunction, invalidArgument } from "../../errors.ts";
import { allMetrics } from "../../metrics/descriptions.ts";
import type { Metric } from "../../metrics/metric.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { waitBounds } from "../../metrics/wait-counts.ts";
import type { BatchResultLike, InstrumentOptionsLike, MeterLike } from "./meter-like.ts";

const used = [
  "createHistogram",
  "createObservableCounter",
  "createObservableGauge",
  "createObservableUpDownCounter",
  "addBatchObservableCallback",
  "removeBatchObservableCallback",
] as const;

/**
 * Shows all of `metrics` on a `Meter` of OpenTelemetry: as observable instruments, which are read when the reader collects,
 * and waits as a histogram that gets each wait from now on. The function it returns ends that.
 *
 * What can be summed up is an up-down counter, a duration a gauge. A value that is not finite, such as the capacity of a
 * channel without bound, is left out.
 *
 * @example
 * ```ts no-run
 * import { metrics as api } from "@opentelemetry/api";
 * import { Limiter } from "snowshed";
 * import { Metrics, observeMetrics } from "snowshed/otel";
 *
 * const metrics = new Metrics();
 * metrics.add(new Limiter({ name: "search" }));
 * const stop = observeMetrics(api.getMeter("search-service"), metrics);
 * stop();
 * ```
 */
export function observeMetrics(meter: MeterLike, metrics: Metrics): () => void {
  for (const method of used) checkFunction((Object(meter) as Partial<MeterLike>)[method], `meter.${method}`);
  if (!(metrics instanceof Metrics)) throw invalidArgument(TypeError, "metrics", "Metrics", metrics);
  const observed = new Map<Metric, object>();
  const stops: (() => void)[] = [];
  for (const metric of allMetrics) {
    if (metric.type === "histogram") stops.push(recordWaits(meter, metrics, metric));
    else observed.set(metric, instrumentOf(meter, metric));
  }
  const instruments = [...observed.values()] as never[];
  const observe = (result: BatchResultLike): void => {
    for (const { metric, samples } of metrics.collect()) {
      const instrument = observed.get(metric) as never;
      if (instrument === undefined) continue;
      for (const { labels, value } of samples) {
        if (Number.isFinite(value)) result.observe(instrument, value, labels);
      }
    }
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => {
    // First what is ours: a meter that fails must not keep it.
    for (const stop of stops) stop();
    meter.removeBatchObservableCallback(observe, instruments);
  };
}

function instrumentOf(meter: MeterLike, metric: Metric): object {
  const options = optionsOf(metric);
  if (metric.type === "counter") return meter.createObservableCounter(metric.name, options);
  if (metric.merge === "sum") return meter.createObservableUpDownCounter(metric.name, options);
  return meter.createObservableGauge(metric.name, options);
}

/** There is no observable histogram. */
function recordWaits(meter: MeterLike, metrics: Metrics, metric: Metric): () => void {
  const advice = { explicitBucketBoundaries: [...waitBounds] };
  const histogram = meter.createHistogram(metric.name, { ...optionsOf(metric), advice });
  return metrics.onWait((seconds, labels) => histogram.record(seconds, labels));
}

function optionsOf({ help, unit }: Metric): InstrumentOptionsLike {
  return { description: help, unit };
}

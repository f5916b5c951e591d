import { checkFunction, invalidArgument } from "../../errors.ts";
import { allMetrics } from "../../metrics/descriptions.ts";
import type { Metric, MetricFamily, MetricSample } from "../../metrics/metric.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { cumulative, metricName } from "./metric-names.ts";

/** What is used of the `Registry` of prom-client. */
export interface RegistryLike {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
}

/** What a registry of prom-client asks of its metrics. */
interface RegisteredMetric {
  name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  get(): Promise<object>;
  reset(): void;
}

interface RegisteredValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/**
 * Puts all of `metrics` into a registry of prom-client, beside what else is in it. The function it returns takes them out
 * again.
 *
 * A registry that has a metric of one of these names already, such as that of other `Metrics`, is left as it is and refused
 * (`SNOWSHED_INVALID_ARGUMENT`). `resetMetrics()` of the registry changes nothing here: the counters are those of the pieces.
 *
 * @example
 * ```ts no-run
 * import { register } from "prom-client";
 * import { collectInto, Metrics } from "snowshed/prometheus";
 *
 * const metrics = new Metrics();
 * collectInto(register, metrics);
 * console.log(await register.metrics());
 * ```
 */
export function collectInto(registry: RegistryLike, metrics: Metrics): () => void {
  for (const method of ["registerMetric", "getSingleMetric", "removeSingleMetric"] as const) {
    checkFunction((Object(registry) as Partial<RegistryLike>)[method], `registry.${method}`);
  }
  if (!(metrics instanceof Metrics)) throw invalidArgument(TypeError, "metrics", "Metrics", metrics);
  const taken = allMetrics.map(metricName).find((name) => registry.getSingleMetric(name) !== undefined);
  if (taken !== undefined) throw invalidArgument(RangeError, "registry", `one without a metric ${taken}`, registry);
  const scrape = new Scrape(metrics);
  const registered = allMetrics.map((metric) => registeredMetric(metric, scrape));
  // Its own type is that of its own classes; it uses what is here, and nothing else.
  for (const metric of registered) registry.registerMetric(metric as never);
  return () => {
    for (const metric of registered) {
      // By another hand it may have been removed, and the name taken.
      for (const name of new Set([metric.name, `${metric.name}_total`])) {
        if (registry.getSingleMetric(name) === metric) registry.removeSingleMetric(name);
      }
    }
  };
}

/** A registry asks metric by metric: all that are asked for in one tick are of one moment. */
class Scrape {
  readonly #metrics: Metrics;
  #families: Map<Metric, MetricFamily> | null = null;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  samples(metric: Metric): readonly MetricSample[] {
    if (this.#families === null) {
      this.#families = new Map(this.#metrics.collect().map((family) => [family.metric, family]));
      queueMicrotask(() => {
        this.#families = null;
      });
    }
    return this.#families.get(metric)?.samples ?? [];
  }
}

function registeredMetric(metric: Metric, scrape: Scrape): RegisteredMetric {
  const { help, type } = metric;
  return {
    // A registry of OpenMetrics writes another name here.
    name: metricName(metric),
    help,
    type,
    // Of the processes of a cluster.
    aggregator: metric.merge,
    async get() {
      const { name, aggregator } = this;
      return { name, help, type, aggregator, values: scrape.samples(metric).flatMap((each) => valuesOf(name, each)) };
    },
    reset() {},
  };
}

function valuesOf(name: string, { labels, value, histogram }: MetricSample): RegisteredValue[] {
  if (histogram === undefined) return [{ labels, value }];
  const buckets = cumulative(histogram);
  return [
    ...buckets.map(({ bound, count }) => ({
      labels: { ...labels, le: bound === Number.POSITIVE_INFINITY ? "+Inf" : bound },
      value: count,
      metricName: `${name}_bucket`,
    })),
    { labels, value, metricName: `${name}_sum` },
    { labels, value: buckets.at(-1)!.count, metricName: `${name}_count` },
  ];
}

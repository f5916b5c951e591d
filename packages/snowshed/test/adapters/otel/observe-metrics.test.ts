import { metrics as api } from "@opentelemetry/api";
import type { Meter } from "@opentelemetry/api";
import type { AggregationTemporality, DataPoint, Histogram } from "@opentelemetry/sdk-metrics";
import { DataPointType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { fixed, Limiter, Semaphore } from "snowshed";
import { disable, enable } from "snowshed/diagnostics";
import type { MeterLike } from "snowshed/otel";
import { Metrics, observeMetrics } from "snowshed/otel";
import { exposition } from "snowshed/prometheus";
import { allMetrics } from "../../../src/metrics/descriptions.ts";
import { waitBounds } from "../../../src/metrics/wait-counts.ts";
import { measuredPieces } from "../../support/measured-pieces.ts";

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

function setup(): { meter: Meter; read(): Promise<Map<string, Read>>; end(): Promise<void> } {
  const reader = new Reader();
  const provider = new MeterProvider({ readers: [reader] });
  return {
    meter: provider.getMeter("test"),
    async read() {
      const { resourceMetrics, errors } = await reader.collect();
      expect(errors).toEqual([]);
      const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
      return new Map(all.map((metric) => [metric.descriptor.name, metric as Read]));
    },
    end: () => provider.shutdown(),
  };
}

interface Read {
  readonly descriptor: { readonly unit: string; readonly description: string };
  readonly dataPointType: DataPointType;
  readonly isMonotonic?: boolean;
  readonly aggregationTemporality: AggregationTemporality;
  readonly dataPoints: readonly DataPoint<number | Histogram>[];
}

test("a meter of OpenTelemetry is one", () => {
  expectTypeOf<Meter>().toExtend<MeterLike>();
});

describe("with one of everything", () => {
  const { meter, read, end } = setup();
  const metrics = new Metrics();
  let measured: Awaited<ReturnType<typeof measuredPieces>>;
  let found: Map<string, Read>;
  beforeAll(async () => {
    observeMetrics(meter, metrics);
    measured = await measuredPieces(metrics);
    found = await read();
  });
  afterAll(async () => {
    await measured.end();
    await end();
  });

  test("every metric is there, as its description says", () => {
    expect([...found.keys()].toSorted()).toEqual(allMetrics.map(({ name }) => name).toSorted());
    for (const { name, type, unit, help, merge } of allMetrics) {
      const { descriptor, dataPointType, isMonotonic } = found.get(name)!;
      expect(descriptor).toMatchObject({ unit, description: help });
      const expected =
        type === "histogram" ? DataPointType.HISTOGRAM : merge === "max" ? DataPointType.GAUGE : DataPointType.SUM;
      expect([name, dataPointType]).toEqual([name, expected]);
      if (expected === DataPointType.SUM) expect([name, isMonotonic]).toEqual([name, type === "counter"]);
    }
  });

  test("the values are those that Prometheus gets; what is not finite is left out", () => {
    let compared = 0;
    for (const { metric, samples } of metrics.collect()) {
      if (metric.type === "histogram") continue;
      const points = found.get(metric.name)!.dataPoints.map(({ attributes, value }) => ({ labels: attributes, value }));
      const finite = samples.filter(({ value }) => Number.isFinite(value));
      expect(points).toEqual(finite.map(({ labels, value }) => ({ labels, value })));
      compared += finite.length;
    }
    expect(compared).toBeGreaterThan(allMetrics.length);
    expect(JSON.stringify(found.get("snowshed.resource.capacity"))).not.toContain("unbounded");
  });

  test("waits are a histogram with the same bounds and counts", () => {
    const { dataPoints } = found.get("snowshed.wait")!;
    const key = (labels: object): string => JSON.stringify(Object.entries(labels).toSorted());
    const points = new Map(dataPoints.map(({ attributes, value }) => [key(attributes), value as Histogram]));
    const pointOf = (outcome: string): unknown => points.get(key({ kind: "semaphore", name: "files", outcome }));
    expect(pointOf("granted")).toMatchObject({ count: 2, buckets: { boundaries: waitBounds } });
    expect(pointOf("given_up")).toMatchObject({ count: 1 });
    const samples = metrics.collect().find(({ metric }) => metric.name === "snowshed.wait")!.samples;
    for (const { labels, histogram } of samples) {
      expect(points.get(key(labels))?.buckets.counts).toEqual(histogram?.counts);
    }
  });

  test("no task is an attribute", () => {
    expect(JSON.stringify([...found])).not.toContain("task-that-is-no-label");
    expect(exposition(metrics).body).not.toContain("task-that-is-no-label");
  });
});

test("what is counted goes up from one collection to the next", async () => {
  const { meter, read, end } = setup();
  const metrics = new Metrics();
  const limiter = new Limiter({ algorithm: fixed(10), name: "a" });
  metrics.add(limiter);
  observeMetrics(meter, metrics);
  for (const count of [1, 2, 3]) {
    limiter.tryAcquire();
    const { dataPoints } = (await read()).get("snowshed.limiter.admitted")!;
    expect(dataPoints.map(({ value }) => value)).toEqual([count]);
  }
  await end();
});

test("when it has been ended, nothing is read or recorded", async () => {
  const { meter, read, end } = setup();
  const metrics = new Metrics();
  const limiter = new Limiter({ algorithm: fixed(1), name: "a" });
  metrics.add(limiter);
  const semaphore = new Semaphore(1);
  const stopWatching = metrics.watch(enable("production"));
  const stop = observeMetrics(meter, metrics);
  const wait = async (): Promise<void> => {
    await semaphore.acquire();
    const waiting = semaphore.acquire();
    semaphore.release();
    await waiting;
    semaphore.release();
  };
  await wait();
  const before = await read();
  expect(before.get("snowshed.limiter.limit")?.dataPoints).toHaveLength(1);
  stop();
  stop();
  await wait();
  let reads = 0;
  const inspect = limiter.inspect.bind(limiter);
  Object.defineProperty(limiter, "inspect", {
    value: () => {
      reads++;
      return inspect();
    },
  });
  const after = await read();
  expect(reads).toBe(0);
  expect((after.get("snowshed.wait")!.dataPoints[0]!.value as Histogram).count).toBe(1);
  stopWatching();
  disable();
  await end();
});

test("a meter that fails when a wait is recorded harms nobody who waits, and is counted", async () => {
  const { meter, end } = setup();
  const metrics = new Metrics();
  metrics.watch(enable("production"));
  const failing: MeterLike = Object.assign(Object.create(meter) as MeterLike, {
    createHistogram: () => ({
      record() {
        throw new Error("broken");
      },
    }),
  });
  observeMetrics(failing, metrics);
  const semaphore = new Semaphore(1);
  await semaphore.acquire();
  const waiting = semaphore.acquire();
  semaphore.release();
  await waiting;
  expect(exposition(metrics).body).toContain("snowshed_metrics_errors_total 1");
  disable();
  await end();
});

test("a meter that fails at the end gets no more waits", async () => {
  const { meter, end } = setup();
  const metrics = new Metrics();
  metrics.watch(enable("production"));
  let records = 0;
  const failing: MeterLike = Object.assign(Object.create(meter) as MeterLike, {
    createHistogram: () => ({ record: () => void records++ }),
    removeBatchObservableCallback() {
      throw new Error("broken");
    },
  });
  const stop = observeMetrics(failing, metrics);
  const semaphore = new Semaphore(1);
  const wait = async (): Promise<void> => {
    await semaphore.acquire();
    const waiting = semaphore.acquire();
    semaphore.release();
    await waiting;
    semaphore.release();
  };
  await wait();
  expect(stop).toThrow("broken");
  await wait();
  expect(records).toBe(1);
  disable();
  await end();
});

test("a meter that does nothing, as there is without an SDK, is served", () => {
  const stop = observeMetrics(api.getMeter("none"), new Metrics());
  expect(stop).not.toThrow();
});

test.each([[undefined], [null], [{}], ["meter"], [{ createHistogram() {} }]])("%j is no meter", (meter) => {
  expect(() => observeMetrics(meter as unknown as MeterLike, new Metrics())).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});

test.each([[undefined], [{}], [{ collect: () => [] }]])("%j is no Metrics", (metrics) => {
  const { meter } = setup();
  expect(() => observeMetrics(meter, metrics as unknown as Metrics)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});

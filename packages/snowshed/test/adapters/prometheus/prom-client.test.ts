import { Counter, Gauge, Registry } from "prom-client";
import type { OpenMetricsContentType } from "prom-client";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { fixed, Limiter } from "snowshed";
import type { RegistryLike } from "snowshed/prometheus";
import { collectInto, exposition, Metrics } from "snowshed/prometheus";
import { allMetrics } from "../../../src/metrics/descriptions.ts";
import { measuredPieces } from "../../support/measured-pieces.ts";
import { parseExposition } from "./exposition-parser.ts";

const metrics = new Metrics();
let measured: Awaited<ReturnType<typeof measuredPieces>>;
beforeAll(async () => {
  measured = await measuredPieces(metrics);
});
afterAll(() => measured.end());

test("a registry of prom-client is one", () => {
  expectTypeOf<Registry>().toExtend<RegistryLike>();
});

describe("what prom-client writes", () => {
  test("is line by line what is written without it", async () => {
    const registry = new Registry();
    collectInto(registry, metrics);
    const theirs = (await registry.metrics()).split("\n").filter((line) => line !== "");
    const ours = exposition(metrics)
      .body.split("\n")
      .filter((line) => line !== "");
    // It writes a carriage return as it is, as we do; the text ends at line feeds only.
    expect(theirs).toEqual(ours);
    expect(theirs.length).toBeGreaterThan(2 * allMetrics.length);
  });

  test("in OpenMetrics has the same values", async () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    collectInto(registry, metrics);
    // Its bounds of histograms are not canonical.
    const text = (await registry.metrics()).replaceAll(/le="(\d+)"/g, 'le="$1.0"');
    const theirs = parseExposition(text, "openmetrics");
    const ours = parseExposition(exposition(metrics, "application/openmetrics-text").body, "openmetrics");
    expect([...theirs.keys()]).toEqual([...ours.keys()]);
    for (const [name, { samples, type }] of ours) {
      expect([name, theirs.get(name)?.type, theirs.get(name)?.samples]).toEqual([name, type, samples]);
    }
  });

  test("stands beside its own metrics, with its default labels", async () => {
    const registry = new Registry();
    registry.setDefaultLabels({ app: "search" });
    const own = new Counter({ name: "own_total", help: "Own.", registers: [registry] });
    own.inc();
    collectInto(registry, metrics);
    const text = await registry.metrics();
    expect(text).toContain('own_total{app="search"} 1');
    expect(text).toContain('snowshed_breaker_state{name="bills",state="open",app="search"} 1');
    const json = await registry.getMetricsAsJSON();
    expect(json.map(({ name }) => name)).toContain("snowshed_tasks_live");
  });
});

test("all metrics of one scrape are of one moment", async () => {
  const registry = new Registry();
  const counted = new Metrics();
  const limiter = new Limiter({ algorithm: fixed(5), name: "a" });
  counted.add(limiter);
  let reads = 0;
  const inspect = limiter.inspect.bind(limiter);
  Object.defineProperty(limiter, "inspect", {
    value: () => {
      reads++;
      limiter.tryAcquire();
      return inspect();
    },
  });
  collectInto(registry, counted);
  for (const scrape of [1, 2]) {
    const text = await registry.metrics();
    expect(reads).toBe(scrape);
    expect(text).toContain(`snowshed_limiter_admitted_total{name="a"} ${scrape}`);
    expect(text).toContain(`snowshed_resource_held{kind="limiter",name="a"} ${scrape}`);
  }
});

describe("a registry", () => {
  test("is as it was when they are taken out", async () => {
    const registry = new Registry();
    const own = new Gauge({ name: "own", help: "Own.", registers: [registry] });
    const before = await registry.metrics();
    const remove = collectInto(registry, metrics);
    registry.resetMetrics();
    expect(registry.getMetricsAsArray().length).toBe(allMetrics.length + 1);
    remove();
    remove();
    expect(await registry.metrics()).toBe(before);
    expect(registry.getSingleMetric("own")).toBe(own);
    collectInto(registry, metrics);
  });

  test("with a metric of one of the names is refused, and left as it was", () => {
    const registry = new Registry();
    const own = new Gauge({ name: "snowshed_metrics_errors_total", help: "Taken.", registers: [registry] });
    expect(() => collectInto(registry, metrics)).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT", name: "RangeError" }),
    );
    expect(registry.getMetricsAsArray()).toEqual([own]);
  });

  test("takes them once", () => {
    const registry = new Registry();
    collectInto(registry, metrics);
    expect(() => collectInto(registry, new Metrics())).toThrow("snowshed_tasks_live");
  });

  test("keeps no metric of others when they are taken out", () => {
    const registry = new Registry();
    const remove = collectInto(registry, metrics);
    registry.clear();
    const own = new Gauge({ name: "snowshed_tasks_live", help: "Taken.", registers: [registry] });
    remove();
    expect(registry.getMetricsAsArray()).toEqual([own]);
  });

  test.each([[undefined], [null], [{}], [{ registerMetric() {} }], ["registry"]])("is not %j", (registry) => {
    expect(() => collectInto(registry as unknown as RegistryLike, metrics)).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
  });

  test.each([[undefined], [{}], [{ collect: () => [] }]])("takes no %j for metrics", (other) => {
    expect(() => collectInto(new Registry(), other as unknown as Metrics)).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
  });
});

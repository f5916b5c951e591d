import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixed, Limiter } from "snowshed";
import { exposition, Metrics } from "snowshed/prometheus";
import { allMetrics } from "../../../src/metrics/descriptions.ts";
import { hostileNames, measuredPieces } from "../../support/measured-pieces.ts";
import { searchPath } from "../../support/server-programs.ts";
import { parseExposition } from "./exposition-parser.ts";

const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const plainText = "text/plain; version=0.0.4; charset=utf-8";

const metrics = new Metrics();
let measured: Awaited<ReturnType<typeof measuredPieces>>;
beforeAll(async () => {
  measured = await measuredPieces(metrics);
});
afterAll(() => measured.end());

describe("what is exposed", () => {
  test("has every metric there is, in both formats, with the same values", () => {
    const text = parseExposition(exposition(metrics).body, "text");
    const open = parseExposition(exposition(metrics, "application/openmetrics-text").body, "openmetrics");
    expect(text.size).toBe(allMetrics.length);
    expect(open.size).toBe(allMetrics.length);
    const values = (families: typeof text): [string, number][] =>
      [...families.values()]
        .flatMap(({ samples }) => Array.from(samples))
        // Bounds are written in a canonical form there.
        .map(([key, value]) => [key.replace(/le="(\d+)"/, 'le="$1.0"'), value]);
    expect(new Map(values(open))).toEqual(new Map(values(text)));
    expect(open.get("snowshed_wait_seconds")).toMatchObject({ type: "histogram", unit: "seconds" });
    expect(open.get("snowshed_tasks_started")?.type).toBe("counter");
    expect(text.get("snowshed_tasks_started_total")?.type).toBe("counter");
  });

  test("shows every name as it is, escaped", () => {
    const { samples } = parseExposition(exposition(metrics).body, "text").get("snowshed_limiter_limit")!;
    const names = [...samples.keys()].map((key) => /^\w+\{name="(.*)"\}$/s.exec(key)![1]!);
    const read = names.map((name) =>
      name.replaceAll(/\\([\\n"])/g, (_, letter: string) => (letter === "n" ? "\n" : letter)),
    );
    expect(read).toEqual([...hostileNames, "api"]);
  });

  test("counts tasks and waits by group and resource; no task is a label", () => {
    const { body } = exposition(metrics);
    expect(body).toContain('snowshed_tasks_started_total{group="requests"} 3');
    expect(body).toContain('snowshed_tasks_ended_total{group="requests",outcome="fulfilled"} 2');
    expect(body).toContain('snowshed_tasks_ended_total{group="requests",outcome="rejected"} 1');
    expect(body).toContain('snowshed_wait_seconds_count{kind="semaphore",name="files",outcome="granted"} 2');
    expect(body).toContain('snowshed_wait_seconds_count{kind="semaphore",name="files",outcome="given_up"} 1');
    expect(body).toContain('snowshed_resource_capacity{kind="channel",name="unbounded"} +Inf');
    expect(body).not.toContain("task-that-is-no-label");
  });

  test("is well-formed to promtool, where there is one", () => {
    const promtool = searchPath()
      .map((place) => join(place, "promtool"))
      .find((path) => existsSync(path));
    if (promtool === undefined) return;
    const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: exposition(metrics).body });
    expect([status, String(stdout), String(stderr)]).toEqual([0, "", ""]);
  });

  test("nothing but its own errors, when nothing was added", () => {
    expect(exposition(new Metrics()).body.split("\n")).toEqual([
      expect.stringContaining("# HELP snowshed_metrics_errors_total "),
      "# TYPE snowshed_metrics_errors_total counter",
      "snowshed_metrics_errors_total 0",
      "",
    ]);
  });
});

describe("the parser of these tests refuses", () => {
  const head = "# HELP a_total Some.\n# TYPE a_total counter\n";
  test.each([
    ["a last line without end", `${head}a_total 1`],
    ["a sample without type", "# HELP a Some.\na 1\n"],
    ["a sample of another family", `${head}b_total 1\n`],
    ["a family in two parts", `${head}a_total 1\n# HELP b Some.\n# TYPE b gauge\nb 1\n${head}a_total{x="1"} 1\n`],
    ["one sample twice", `${head}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 1\n`],
    ["a counter without _total", "# HELP a Some.\n# TYPE a counter\na 1\n"],
    ["a counter below zero", `${head}a_total -1\n`],
    ["NaN", `${head}a_total NaN\n`],
    ["Infinity", "# HELP a Some.\n# TYPE a gauge\na Infinity\n"],
    ["a line that is not escaped", `${head}a_total{x="1\n2"} 1\n`],
    ["a quote that is not escaped", `${head}a_total{x="1"2"} 1\n`],
    ["# EOF", `${head}a_total 1\n# EOF\n`],
    [
      "a histogram that falls",
      '# HELP a Some.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    ["a histogram without a sum", '# HELP a Some.\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n'],
  ])("%s", (_, text) => {
    expect(() => parseExposition(text, "text")).toThrow(Error);
  });

  test("and text without # EOF as OpenMetrics, and reads what is right", () => {
    expect(() => parseExposition(`${head}a_total 1\n`, "openmetrics")).toThrow("# EOF");
    expect(parseExposition(`${head}a_total{x="\\n"} 1\n`, "text").get("a_total")?.samples.size).toBe(1);
  });
});

describe("the format that is asked for", () => {
  test.each([
    [undefined, plainText],
    ["", plainText],
    ["*/*", plainText],
    ["text/plain", plainText],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", plainText],
    ["application/openmetrics-text", openMetrics],
    ['APPLICATION/OpenMetrics-Text ; Version="1.0.0"', openMetrics],
    ["application/openmetrics-text;version=0.0.1", plainText],
    ["application/openmetrics-text;q=0", plainText],
    ["application/openmetrics-text;q=0.5,text/plain", plainText],
    ["text/plain;q=0.5,application/openmetrics-text;q=0.5", openMetrics],
    ["application/openmetrics-text;q=nonsense", plainText],
    ["application/openmetrics-text;q=7", plainText],
    [",;,;q=,==;", plainText],
    // Prometheus 2.42, and 3.
    [
      "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.25,*/*;q=0.1",
      openMetrics,
    ],
    [
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      openMetrics,
    ],
  ])("%j gets %s", (accept, contentType) => {
    expect(exposition(new Metrics(), accept).contentType).toBe(contentType);
  });

  test.each([[5], [null], [["application/openmetrics-text"]], [{}]])("%j, which is no header, gets text", (accept) => {
    expect(exposition(new Metrics(), accept as unknown as string).contentType).toBe(plainText);
  });

  test("a header of hundreds of kilobytes is read in no time worth mentioning", () => {
    const accept = `${"application/openmetrics-text;".repeat(10_000)}${",;q=1".repeat(10_000)}`;
    expect(exposition(new Metrics(), accept).contentType).toBe(openMetrics);
  });
});

test("over HTTP it arrives as it is", async () => {
  const server = createServer((request, response) => {
    const { contentType, body } = exposition(metrics, request.headers.accept);
    response.setHeader("Content-Type", contentType).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  try {
    for (const [accept, type, format] of [
      ["*/*", plainText, "text"],
      ["application/openmetrics-text", openMetrics, "openmetrics"],
    ] as const) {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept, connection: "close" } });
      expect(response.headers.get("content-type")).toBe(type);
      expect(parseExposition(await response.text(), format).size).toBe(allMetrics.length);
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("however many limiters there are, each metric has 201 lines", () => {
  const many = new Metrics();
  const limiters = Array.from({ length: 400 }, (_, index) => new Limiter({ algorithm: fixed(1), name: `l${index}` }));
  for (const limiter of limiters) many.add(limiter);
  const families = parseExposition(exposition(many).body, "text");
  expect(families.get("snowshed_limiter_limit")?.samples.size).toBe(201);
  expect(limiters.length).toBe(400);
});

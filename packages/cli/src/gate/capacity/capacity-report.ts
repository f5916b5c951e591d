import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { CapacityResult } from "./capacity-result.ts";
import { capacityText } from "./capacity-text.ts";
import type { Point } from "./measurement.ts";
import { uslThroughput } from "./usl.ts";

interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly style: "points" | "line" | "dashed";
}

interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly loads: readonly number[];
  readonly lines: readonly Line[];
}

/** A page that needs nothing but itself: the verdict, and over the load every measurement, the medians and the fits. */
export async function capacityReport(result: CapacityResult): Promise<string> {
  const require = createRequire(import.meta.url);
  const script = await readFile(require.resolve("uplot/dist/uPlot.iife.min.js"), "utf8");
  const style = await readFile(require.resolve("uplot/dist/uPlot.min.css"), "utf8");
  const { judgement, unit, name } = result;
  const isMemory = judgement.unit === "percent";
  const marks = judgement.estimates.map(({ method, load }) => ({ name: method, at: load }));
  const data = JSON.stringify({ charts: isMemory ? memoryCharts(result) : throughputCharts(result), unit, marks });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width">
<title>snowshed capacity: ${escape(name)}</title>
<style>
${style}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.15rem; }
pre { overflow-x: auto; background: #f4f6f8; padding: 1rem; font-size: 12px; line-height: 1.5; }
.u-legend { text-align: left; }
</style>
</head>
<body>
<h1>Capacity: ${escape(name)}</h1>
<p>${escape(summary(result))}</p>
<pre>${escape(capacityText(result))}</pre>
<div id="charts"></div>
<script>
${script}
</script>
<script>
const { charts, unit, marks } = ${data.replaceAll("<", "\\u003c")};
const palette = ["#98a5b1", "#0b7fab", "#c0392b", "#3b8b57", "#d98324"];
const knees = {
  hooks: {
    draw: [(plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.font = "12px system-ui, sans-serif";
      ctx.strokeStyle = ctx.fillStyle = "#8e5aa5";
      marks.forEach(({ name, at }, index) => {
        const left = plot.valToPos(at, "x", true);
        ctx.beginPath();
        ctx.moveTo(left, bbox.top);
        ctx.lineTo(left, bbox.top + bbox.height);
        ctx.stroke();
        ctx.fillText(name, left + 4, bbox.top + 14 * (index + 1));
      });
      ctx.restore();
    }],
  },
};
const styles = {
  points: { paths: () => null, points: { show: true, size: 5 } },
  line: { width: 2, spanGaps: true, points: { show: false } },
  dashed: { width: 1.5, dash: [5, 4], spanGaps: true, points: { show: false } },
};
for (const { title, unit: of, loads, lines } of charts) {
  const place = document.getElementById("charts");
  const heading = document.createElement("h2");
  heading.textContent = title;
  place.append(heading);
  new uPlot({
    width: Math.min(1040, place.clientWidth),
    height: 280,
    plugins: [knees],
    scales: { x: { time: false } },
    axes: [{ label: unit }, { label: of, size: 80 }],
    series: [
      { label: unit },
      ...lines.map(({ name, style }, index) => ({ label: name, ...styles[style],
        stroke: style === "points" ? "#b9c4ce" : palette[1 + (index % 4)], })),
    ],
  }, [loads, ...lines.map(({ values }) => values)], place);
}
</script>
</body>
</html>
`;
}

function summary({ judgement, driver, target }: CapacityResult): string {
  const { verdict, reasons, capacity, safe, unit, headroom } = judgement;
  const what = `${driver}${target === null ? "" : ` on ${target}`}`;
  if (verdict === "inconclusive" || capacity === null || safe === null) {
    return `${what}: no number. ${reasons.map((reason) => `${reason}.`).join(" ")}`;
  }
  const of = unit === "percent" ? "percent of maxmemory" : unit;
  return `${what}: capacity ${capacity.toPrecision(4)} ${of}; ${safe.toPrecision(4)} is safe, with ${headroom * 100} % free.`;
}

function throughputCharts(result: CapacityResult): Chart[] {
  const { points, judgement } = result;
  const { model, smooth } = judgement;
  const byLoad = new Map(points.map(({ load }, index) => [load, index]));
  const medians = { name: "median", values: points.map(({ throughput }) => throughput), style: "dashed" } as const;
  const curves: Line[] = [
    medians,
    { name: "isotonic", values: points.map(({ load }) => smooth[byLoad.get(load)!] ?? null), style: "line" },
  ];
  if (model !== null) {
    const values = points.map(({ concurrency }) => uslThroughput(model, concurrency));
    curves.push({ name: "usl", values, style: "line" });
  }
  return [
    chart(result, "Throughput", "per second", ({ throughput }) => throughput, curves),
    ...latencyCharts(result),
    errorChart(result),
  ];
}

function memoryCharts(result: CapacityResult): Chart[] {
  const { points, judgement } = result;
  const smooth: Line = {
    name: "isotonic",
    values: points.map((_, index) => judgement.smooth[index] ?? null),
    style: "line",
  };
  return [
    ...latencyCharts(result, smooth),
    chart(result, "Standard deviation of the latency", "ms", ({ deviation }) => deviation, [
      line("median", points, ({ deviation }) => deviation),
    ]),
    chart(result, "Memory in use", "% of maxmemory", ({ used }) => used, [line("median", points, ({ used }) => used)]),
    errorChart(result),
  ];
}

function latencyCharts(result: CapacityResult, ...more: Line[]): Chart[] {
  const { points } = result;
  if (points.every(({ p99 }) => p99 === null)) return [];
  const lines = [line("median p99", points, ({ p99 }) => p99), line("median p50", points, ({ p50 }) => p50), ...more];
  return [chart(result, "Latency", "ms", ({ p99 }) => p99, lines)];
}

function errorChart(result: CapacityResult): Chart {
  const lines = [line("median", result.points, ({ errors }) => errors * 100)];
  return chart(result, "Errors", "%", ({ errors }) => errors * 100, lines);
}

function line(name: string, points: readonly Point[], read: (point: Point) => number | null): Line {
  return { name, values: points.map(read), style: "dashed" };
}

/** Every measurement as a point: a column for each repetition, since a chart has one value of a line for a load. */
function chart(
  { points, measurements }: CapacityResult,
  title: string,
  unit: string,
  read: (one: CapacityResult["measurements"][number]) => number | null,
  lines: readonly Line[],
): Chart {
  const loads = points.map(({ load }) => load);
  const repetitions = [...new Set(measurements.map(({ repetition }) => repetition))].toSorted((a, b) => a - b);
  const each = repetitions.map((repetition): Line => {
    const values = loads.map((load) => {
      const one = measurements.find((m) => m.load === load && m.repetition === repetition && m.invalid === null);
      return one === undefined ? null : read(one);
    });
    return { name: `repetition ${repetition}`, values, style: "points" };
  });
  return { title, unit, loads, lines: [...lines, ...each] };
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { demoTable } from "./demo-text.ts";
import type { Findings } from "./findings.ts";
import { findingsOf, percentile } from "./findings.ts";
import type { Recording } from "./scene.ts";
import { capacity } from "./timeline.ts";

const binWidth = 250;

interface Chart {
  readonly title: string;
  readonly unit: string;
  /** Seconds from the start. */
  readonly times: readonly number[];
  readonly lines: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

/** A page that needs nothing but itself: the table, and over time what was asked for, answered, refused and in flight. */
export async function demoReport(recordings: readonly Recording[]): Promise<string> {
  const require = createRequire(import.meta.url);
  const script = await readFile(require.resolve("uplot/dist/uPlot.iife.min.js"), "utf8");
  const style = await readFile(require.resolve("uplot/dist/uPlot.min.css"), "utf8");
  const findings = recordings.map(findingsOf);
  const data = JSON.stringify({
    charts: charts(recordings),
    phases: phasesOf(recordings[0]),
    titles: recordings.map(({ protection }) => protection.title),
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>snowshed: the avalanche</title>
<style>
${style}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.15rem; }
pre { overflow-x: auto; background: #f4f6f8; padding: 1rem; font-size: 12px; line-height: 1.5; }
.phase { color: #5a6b7b; }
.u-legend { text-align: left; }
</style>
</head>
<body>
<h1>The avalanche, and what holds it</h1>
<p>Users ask a gateway for orders; the gateway asks a service, three times if need be; the service asks a database with
${Math.round(capacity)} orders per second to give. Four processes, real HTTP on loopback, users who come whether or not
the others were served. The same users come to each arrangement of the same three tiers.</p>
<pre>${escape(demoTable(findings, undefined, false))}</pre>
<p>${escape(lagNote(findings))}</p>
<div id="charts"></div>
<script>
${script}
</script>
<script>
const { charts, phases, titles } = ${data.replaceAll("<", "\\u003c")};
const palette = ["#c0392b", "#d98324", "#b8a000", "#3b8b57", "#5b6fb0", "#8e5aa5", "#0b7fab"];
const color = (name) => palette[titles.indexOf(name) % palette.length] ?? "#98a5b1";
const marks = {
  hooks: {
    drawClear: [(plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.font = "12px system-ui, sans-serif";
      phases.forEach(({ name, from, until }, index) => {
        const left = plot.valToPos(from, "x", true);
        const right = plot.valToPos(until, "x", true);
        ctx.fillStyle = index % 2 === 1 ? "rgba(192, 57, 43, 0.08)" : "transparent";
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
        ctx.fillStyle = "#5a6b7b";
        ctx.fillText(name, left + 4, bbox.top + 14);
      });
      ctx.restore();
    }],
  },
};
for (const { title, unit, times, lines } of charts) {
  const place = document.getElementById("charts");
  const heading = document.createElement("h2");
  heading.textContent = title;
  place.append(heading);
  const last = lines.length - 1;
  new uPlot({
    width: Math.min(1040, place.clientWidth),
    height: 260,
    plugins: [marks],
    scales: { x: { time: false } },
    axes: [{ label: "seconds" }, { label: unit, size: 70 }],
    series: [
      { label: "s" },
      ...lines.map(({ name }, index) => ({
        label: name,
        stroke: color(name),
        dash: name === "asked for" ? [4, 4] : undefined,
        width: index === last ? 3 : 1.5,
        points: { show: false },
        value: (_, value) => (value === null ? "-" : Math.round(value)),
      })),
    ],
  }, [times, ...lines.map(({ values }) => values)], place);
}
</script>
</body>
</html>
`;
}

function charts(recordings: readonly Recording[]): Chart[] {
  const [first] = recordings;
  if (first === undefined) return [];
  const total = first.plan.reduce((sum, { seconds }) => sum + seconds * 1000, 0);
  const bins = Math.ceil(total / binWidth);
  const times = Array.from({ length: bins }, (_, index) => ((index + 0.5) * binWidth) / 1000);
  const perSecond = (count: number): number => (count * 1000) / binWidth;
  const binned = ({ fates }: Recording): Recording["fates"][] => {
    const sorted: Recording["fates"][] = Array.from({ length: bins }, () => []);
    for (const fate of fates) sorted[Math.floor(fate[0] / binWidth)]?.push(fate);
    return sorted;
  };
  const gauge = ({ gauges }: Recording, read: (one: Recording["gauges"][number]) => number | null): (number | null)[] =>
    times.map((time) => {
      const near = gauges.findLast(({ at }) => at <= time * 1000);
      return near === undefined ? null : read(near);
    });
  const lines = (values: (recording: Recording) => (number | null)[]): Chart["lines"] =>
    recordings.map((recording) => ({ name: recording.protection.title, values: values(recording) }));
  const askedFor = { name: "asked for", values: binned(first).map((bin) => perSecond(bin.length)) };
  return [
    {
      title: "Goodput: orders answered within a second",
      unit: "per second",
      times,
      lines: [
        askedFor,
        ...lines((one) => binned(one).map((bin) => perSecond(bin.filter(([, fate]) => fate === "good").length))),
      ],
    },
    {
      title: "p99 of the orders that were answered",
      unit: "ms",
      times,
      lines: lines((one) =>
        binned(one).map((bin) =>
          percentile(
            bin.filter(([, fate]) => fate === "good").map(([, , latency]) => latency),
            0.99,
          ),
        ),
      ),
    },
    {
      title: "Orders in flight in the service",
      unit: "orders",
      times,
      lines: lines((one) => gauge(one, (g) => g.inflight)),
    },
    {
      title: "What the protection allows at once",
      unit: "limit",
      times,
      lines: lines((one) => gauge(one, ({ limit }) => limit)).filter(({ values }) =>
        values.some((value) => value !== null),
      ),
    },
    {
      title: "Users refused at once",
      unit: "per second",
      times,
      lines: lines((one) => binned(one).map((bin) => perSecond(bin.filter(([, fate]) => fate === "shed").length))),
    },
  ];
}

function phasesOf(recording: Recording | undefined): { name: string; from: number; until: number }[] {
  let from = 0;
  return (recording?.plan ?? []).map(({ name, seconds }) => {
    const phase = { name, from, until: from + seconds };
    from += seconds;
    return phase;
  });
}

/** Whether the figures are those of the arrangements, or of a machine that had no time for them. */
export function lagNote(findings: readonly Findings[]): string {
  const lag = Math.max(0, ...findings.map((each) => each.lag));
  return lag > 10
    ? `The machine was busy: the users came up to ${Math.round(lag)} ms late (99th percentile). Run it again when it is not.`
    : `The users came at most ${Math.ceil(lag)} ms late (99th percentile), so the figures are those of the arrangements.`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

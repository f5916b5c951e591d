import type { CapacityResult } from "./capacity-result.ts";
import { rounded } from "./judgement.ts";

/** The points and the verdict, for a terminal. */
export function capacityText(result: CapacityResult): string {
  const { name, driver, target, unit, points, judgement } = result;
  const isMemory = judgement.unit === "percent";
  const head = ["load", "reps", isMemory ? "used %" : "per second", "p50 ms", "p99 ms", "errors"];
  const rows = points.map((point) => [
    String(point.load),
    String(point.repetitions),
    isMemory ? number(point.used) : `${number(point.throughput)} ±${number(point.throughputSpread)}`,
    number(point.p50),
    `${number(point.p99)}${point.p99Spread === null ? "" : ` ±${number(point.p99Spread)}`}`,
    `${(point.errors * 100).toFixed(point.errors > 0 && point.errors < 0.01 ? 2 : 0)} %`,
  ]);
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padStart(widths[column]!)).join("  ")}`;
  const from = target === null ? "" : ` on ${target}`;
  return [
    `${name}: ${driver}${from}, load in ${unit}; medians ± spread`,
    line(head),
    ...rows.map(line),
    ...judgementLines(result).map((text) => `  ${text}`),
    "",
  ].join("\n");
}

/** What was found, and why it was not. */
export function judgementLines({ judgement }: CapacityResult): string[] {
  const { verdict, capacity, safe, limit, unit, headroom, estimates, onsets, reasons, remarks, model } = judgement;
  const of = unit === "percent" ? "% of maxmemory" : "per second";
  const law =
    model === null
      ? []
      : [
          `usl: contention ${model.sigma.toPrecision(3)}, coherence ${model.kappa.toPrecision(3)}, peak at ${
            model.peak === null ? "no load: it never falls" : `concurrency ${rounded(model.peak)}`
          }`,
        ];
  return [
    ...estimates.map(({ method, load, value }) => `${method}: knee at load ${rounded(load)}, ${rounded(value)} ${of}`),
    ...law,
    ...onsets.map(({ kind, value }) => `${kind} from ${rounded(value)} ${of}`),
    ...remarks,
    ...(verdict === "found" && capacity !== null && safe !== null
      ? [
          `capacity ${rounded(capacity)} ${of} (${limit ?? ""}), safe ${rounded(safe)} with ${rounded(headroom * 100)} % free`,
        ]
      : [`inconclusive: ${reasons.join("; ")}`]),
  ];
}

function number(value: number | null): string {
  return value === null ? "-" : rounded(value);
}

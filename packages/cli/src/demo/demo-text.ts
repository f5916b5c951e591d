import { createColors } from "picocolors";
import { showDuration } from "../fetch/summary-text.ts";
import type { Findings } from "./findings.ts";

type Colors = ReturnType<typeof createColors>;
type Mark = "good" | "fair" | "bad" | "none";

interface Column {
  readonly head: string;
  readonly width: number;
  readonly cell: (findings: Findings) => readonly [text: string, mark: Mark];
}

const none = ["-", "none"] as const;

function percent(share: number | null, good: number, fair: number): readonly [string, Mark] {
  if (share === null) return none;
  return [`${Math.round(share * 100)} %`, share >= good ? "good" : share >= fair ? "fair" : "bad"];
}

function time(ms: number | null, good: number, fair: number): readonly [string, Mark] {
  if (ms === null) return none;
  if (ms === Number.POSITIVE_INFINITY) return ["never", "bad"];
  return [showDuration(ms), ms <= good ? "good" : ms <= fair ? "fair" : "bad"];
}

const columns: readonly Column[] = [
  { head: "goodput at 3×", width: 13, cell: ({ goodput }) => percent(goodput, 0.9, 0.5) },
  { head: "p50", width: 7, cell: ({ p50 }) => time(p50, 250, 600) },
  { head: "p99", width: 7, cell: ({ p99 }) => time(p99, 400, 800) },
  { head: "refused", width: 7, cell: ({ shed }) => [percent(shed, 0, 0)[0], "none"] },
  { head: "well again after overload", width: 25, cell: (one) => time(one.recoveredAfterOverload, 1000, 2000) },
  { head: "after fault", width: 11, cell: (one) => time(one.recoveredAfterFault, 1000, 2000) },
  {
    head: "attempts",
    width: 8,
    cell: ({ attempts }) =>
      attempts === null ? none : [attempts.toFixed(2), attempts <= 1.15 ? "good" : attempts <= 1.5 ? "fair" : "bad"],
  },
  { head: "most in flight", width: 14, cell: ({ mostInflight }) => [String(mostInflight), "none"] },
];

const titleWidth = 21;

/** The table: what was found, and for the one that is running now how far it is. */
export function demoTable(
  done: readonly Findings[],
  running: { readonly title: string; readonly note: string } | undefined,
  color: boolean,
): string {
  const colors = createColors(color);
  const head = ["".padEnd(titleWidth), ...columns.map(({ head: text, width }) => text.padStart(width))].join("  ");
  const lines = done.map((findings) =>
    [
      findings.title.padEnd(titleWidth),
      ...columns.map(({ cell, width }) => {
        const [text, mark] = cell(findings);
        return paint(colors, mark, text.padStart(width));
      }),
    ].join("  "),
  );
  if (running !== undefined) lines.push(`${running.title.padEnd(titleWidth)}  ${colors.cyan(running.note)}`);
  return [colors.bold(head), ...lines].join("\n");
}

function paint(colors: Colors, mark: Mark, text: string): string {
  if (mark === "none") return text;
  return { good: colors.green, fair: colors.yellow, bad: colors.red }[mark](text);
}

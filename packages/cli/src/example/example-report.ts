import { createColors } from "picocolors";
import type { Outcome } from "../fetch/outcome.ts";
import { showDuration } from "../fetch/summary-text.ts";
import type { ExampleServer } from "./servers.ts";

type Colors = ReturnType<typeof createColors>;

/** What became of the requests to each server, as a table. */
export function serverTable(servers: readonly ExampleServer[], outcomes: readonly Outcome[], color: boolean): string {
  const colors = createColors(color);
  const rows = servers.map(({ name, trouble, requests }) => {
    const own = outcomes.filter(({ id }) => id?.startsWith(`${name}-`));
    const count = (status: Outcome["status"]): number => own.filter((outcome) => outcome.status === status).length;
    return {
      cells: [
        name,
        trouble,
        requests,
        count("ok"),
        count("fallback"),
        count("failed"),
        count("skipped"),
        typicalTime(own),
      ],
      paint: painter(colors),
    };
  });
  const head = ["server", "its trouble", "asked", "fresh", "cached", "failed", "not sent", "typical time"];
  const table = [head, ...rows.map(({ cells }) => cells.map(String))];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const [headLine, ...lines] = table.map((row, index) =>
    row
      .map((cell, column) => {
        // Names to the left, numbers to the right.
        const padded = column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
        return index === 0 ? padded : rows[index - 1]!.paint(column, cell, padded);
      })
      .join("  "),
  );
  return [colors.bold(headLine), ...lines].join("\n");
}

/** Zeros fade, the rest has the colour of what it means. */
function painter(colors: Colors): (column: number, cell: string, padded: string) => string {
  const byColumn = [colors.bold, undefined, undefined, colors.green, colors.yellow, colors.red, colors.dim];
  return (column, cell, padded) => (cell === "0" ? colors.dim(padded) : (byColumn[column]?.(padded) ?? padded));
}

/** The median of the requests that were sent. */
function typicalTime(outcomes: readonly Outcome[]): string {
  const times = outcomes.filter(({ attempts }) => attempts > 0).map(({ duration }) => duration);
  times.sort((a, b) => a - b);
  return times.length === 0 ? "-" : showDuration(times[Math.floor(times.length / 2)]!);
}

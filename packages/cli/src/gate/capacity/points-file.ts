import { UsageError } from "../../usage-error.ts";
import type { Measurement } from "./measurement.ts";

const numbers = ["throughput", "concurrency", "errors"] as const;
const perhaps = ["p50", "p99", "deviation", "lag", "used", "evictedAt", "refusedAt", "calibration"] as const;

/**
 * Measurements of another tool, or of an earlier run: CSV with a line of names, a JSON list or `{"points": […]}`, or a line
 * of JSON each. Each needs `load`, and `throughput` or `used`; a load that is there several times was repeated.
 */
export function readPoints(text: string, file: string): Measurement[] {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (trimmed === "") throw new UsageError(`${file} is empty`);
  const rows = trimmed.startsWith("{") || trimmed.startsWith("[") ? fromJson(trimmed, file) : fromCsv(trimmed, file);
  const counts = new Map<number, number>();
  return rows.map(({ row, place }) => {
    const load = numberOf(row, "load", `${file}: ${place}`);
    if (load === undefined || load < 0) throw new UsageError(`${file}: ${place} has no load`);
    const repetition = (counts.get(load) ?? 0) + 1;
    counts.set(load, repetition);
    const read = (name: string): number | undefined => numberOf(row, name, `${file}: ${place}`);
    const [throughput, concurrency, errors] = numbers.map(read);
    const [p50, p99, deviation, lag, used, evictedAt, refusedAt, calibration] = perhaps.map(
      (name) => read(name) ?? null,
    );
    if (throughput === undefined && used === null) {
      throw new UsageError(`${file}: ${place} has neither throughput nor used`);
    }
    return {
      load,
      repetition,
      throughput: throughput ?? 0,
      concurrency: concurrency ?? load,
      errors: errors ?? 0,
      p50: p50!,
      p99: p99!,
      deviation: deviation!,
      lag: lag!,
      used: used!,
      evictedAt: evictedAt!,
      refusedAt: refusedAt!,
      calibration: calibration!,
      invalid: typeof row["invalid"] === "string" && row["invalid"] !== "" ? row["invalid"] : null,
    };
  });
}

type Row = Readonly<Record<string, unknown>>;

interface Placed {
  readonly row: Row;
  readonly place: string;
}

function fromJson(text: string, file: string): Placed[] {
  const parsed = parse(text);
  const held = parsed as { readonly measurements?: unknown; readonly points?: unknown } | undefined;
  // A result of `run` has both: its points are medians, which noise cannot be seen in.
  const list = Array.isArray(parsed) ? parsed : (held?.measurements ?? held?.points);
  if (Array.isArray(list)) return list.map((row, index) => placed(row, `point ${index + 1}`, file));
  const lines = text.split("\n");
  if (parse(lines[0]!) === undefined) throw new UsageError(`${file} is neither JSON nor lines of it`);
  return lines.flatMap((line, index) => {
    if (line.trim() === "") return [];
    const row = parse(line);
    if (row === undefined) {
      // The last one was cut off when the run was.
      if (index === lines.length - 1) return [];
      throw new UsageError(`${file}: line ${index + 1} is no JSON`);
    }
    const isHead = typeof row === "object" && row !== null && "snowshed" in row;
    return isHead ? [] : placed(row, `line ${index + 1}`, file);
  });
}

function placed(row: unknown, place: string, file: string): Placed {
  if (typeof row !== "object" || row === null) throw new UsageError(`${file}: ${place} is no object`);
  return { row: row as Row, place };
}

function fromCsv(text: string, file: string): Placed[] {
  const [head = "", ...lines] = text.split(/\r?\n/);
  const names = head.split(",").map((name) => name.trim().replaceAll('"', ""));
  if (!names.includes("load")) {
    throw new UsageError(`${file}: the first line must name the columns, load and throughput among them`);
  }
  return lines.flatMap((line, index) => {
    if (line.trim() === "") return [];
    const cells = line.split(",").map((cell) => cell.trim().replaceAll('"', ""));
    if (cells.length !== names.length) {
      throw new UsageError(`${file}: line ${index + 2} has ${cells.length} columns, the first has ${names.length}`);
    }
    return { row: Object.fromEntries(names.map((name, at) => [name, cells[at]])), place: `line ${index + 2}` };
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function numberOf(row: Row, name: string, place: string): number | undefined {
  const given = row[name];
  if (given === undefined || given === null || given === "") return undefined;
  const value = typeof given === "number" ? given : Number(given);
  if (typeof given !== "boolean" && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`${place}: ${name} must be a number of at least 0`);
}

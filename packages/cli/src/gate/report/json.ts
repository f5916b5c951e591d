import type { GateReport } from "./gate-report.ts";

/** The whole report. Its `schema` changes when a program that reads it would have to. */
export function jsonReport(report: GateReport): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

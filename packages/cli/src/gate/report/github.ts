import type { Finding } from "../finding.ts";
import type { GateReport } from "./gate-report.ts";
import { countsText, findingsOf } from "./gate-report.ts";

const commands = { error: "error", warning: "warning", info: "notice" } as const;

/** Workflow commands: each finding becomes an annotation at its line. */
export function githubReport(report: GateReport): string {
  const findings = findingsOf(report).map(annotation);
  const failed = report.stages.flatMap(({ stage, notes }) =>
    notes.filter(({ kind }) => kind === "failed").map(({ message }) => command("warning", [["title", stage]], message)),
  );
  return [...findings, ...failed, `snowshed gate: ${report.verdict}: ${countsText(report.counts)}`, ""].join("\n");
}

function annotation({ severity, status, exception, file, line, column, rule, message, fix }: Finding): string {
  const properties: [string, string | number | null][] = [
    ["file", file],
    ["line", line],
    ["col", column],
    ["title", status === "excepted" ? `${rule} (excepted)` : rule],
  ];
  if (exception !== undefined) {
    const why = `excepted until ${exception.until}, ${exception.owner}: ${exception.reason}`;
    return command("notice", properties, `${message}\n${why}`);
  }
  return command(commands[severity], properties, fix === null ? message : `${message}\nFix: ${fix}`);
}

function command(
  name: string,
  properties: readonly (readonly [string, string | number | null])[],
  text: string,
): string {
  const given = properties
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${escapeData(String(value)).replaceAll(":", "%3A").replaceAll(",", "%2C")}`);
  return `::${name} ${given.join(",")}::${escapeData(text)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

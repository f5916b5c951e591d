import type { GateReport } from "./gate-report.ts";
import { countFindings, countsText, findingsOf, placeOf } from "./gate-report.ts";

/** For a pull request or the summary of a job. */
export function markdownReport(report: GateReport): string {
  const findings = findingsOf(report);
  const notes = report.stages.flatMap(({ stage, notes: all }) => all.map((note) => ({ ...note, stage })));
  return [
    `## snowshed gate: ${report.verdict}`,
    "",
    `${cell(report.config)}: ${countsText(report.counts)}.`,
    "",
    "| stage | verdict | found |",
    "| --- | --- | --- |",
    ...report.stages.map(
      ({ stage, verdict, findings: own }) => `| ${stage} | ${verdict} | ${countsText(countFindings(own))} |`,
    ),
    "",
    ...section(
      "Findings",
      ["severity", "rule", "place", "what", "fix"],
      findings.map((finding) => [
        finding.status === "excepted" ? `excepted (${finding.severity})` : finding.severity,
        `\`${finding.rule}\``,
        [placeOf(finding), finding.path.join(".")].filter((text) => text !== "").join(" "),
        finding.message,
        finding.fix ?? "",
      ]),
    ),
    ...section(
      "Exceptions",
      ["rule", "until", "owner", "reason", "covers"],
      report.exceptions.map(({ rule, path, until, owner, reason, expired, used }) => [
        path === undefined ? rule : `${rule} at ${path}`,
        expired ? `**ended** ${until}` : until,
        owner,
        reason,
        String(used),
      ]),
    ),
    ...section(
      "Not judged",
      ["stage", "rule", "why"],
      notes
        .filter(({ kind }) => kind !== "info")
        .map(({ stage, rule, kind, message }) => [stage, rule ?? "", kind === "failed" ? `**${message}**` : message]),
    ),
  ].join("\n");
}

function section(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return [
    `### ${title}`,
    "",
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map((row) => line(row.map(cell))),
    "",
  ];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const control = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g;

/** A text that stays in its cell, is no HTML, and notifies nobody: owners are often written as @name. */
function cell(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("|", "\\|")
    .replaceAll("<", "&lt;")
    .replaceAll(/\s*[\r\n]+\s*/g, " ")
    .replaceAll(control, "\uFFFD")
    .replaceAll("@", "@\u200B");
}

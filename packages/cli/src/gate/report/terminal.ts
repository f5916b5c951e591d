import { createColors } from "picocolors";
import { safeText as safeForTerminal } from "../../diagnostics/safe-text.ts";
import type { Finding } from "../finding.ts";
import type { GateReport, ReportedStage } from "./gate-report.ts";
import { countFindings, countsText, placeOf } from "./gate-report.ts";

/** In a job of GitHub a line that begins with `::`, or holds `##[`, is a command to the runner. */
function safeText(text: string): string {
  return safeForTerminal(text)
    .replace(/^(\s*):(?=:)/, String.raw`$1\x3a`)
    .replaceAll("##[", String.raw`##\x5b`);
}

type Colors = ReturnType<typeof createColors>;

export interface TerminalOptions {
  readonly color: boolean;
  /** Only what is wrong. */
  readonly quiet: boolean;
}

/** The report for people. Without findings it is a line for each stage, and one for all. */
export function terminalReport(report: GateReport, { color, quiet }: TerminalOptions): string {
  const colors = createColors(color);
  if (quiet && report.verdict === "pass") return "";
  const { config, preset, environment } = report;
  const head = [
    config,
    ...(preset === null ? [] : [`snowshed:${preset}`]),
    ...(environment === null ? [] : [environment]),
  ];
  return [
    ...(quiet ? [] : [`${colors.bold("snowshed gate")}  ${head.map(safeText).join("  ")}`, ""]),
    ...report.stages.flatMap((stage) => stageLines(stage, colors, quiet)),
    ...exceptionLines(report, colors),
    `${verdictText(report.verdict, colors)}: ${countsText(report.counts)}`,
    "",
  ].join("\n");
}

function stageLines({ stage, verdict, findings, notes }: ReportedStage, colors: Colors, quiet: boolean): string[] {
  if (stage === "config" && findings.length === 0 && notes.length === 0) return [];
  const shown = quiet ? findings.filter(({ status }) => status !== "excepted") : findings;
  if (quiet && verdict !== "blocked" && verdict !== "inconclusive") return [];
  const count = findings.length === 0 ? "" : `  ${countsText(countFindings(findings))}`;
  const failed = notes.filter(({ kind }) => kind === "failed");
  // What is inconclusive for another reason was skipped.
  const telling = failed.length > 0 || verdict === "blocked" ? failed : notes;
  const noteText = (quiet ? telling : notes).map(({ kind, rule, message }) => {
    const text = `${kind === "info" ? "" : `${kind}: `}${rule === null ? "" : `${rule}: `}${safeText(message)}`;
    return `  ${kind === "failed" ? colors.red(text) : colors.dim(text)}`;
  });
  const label = `${stage.padEnd(9)} ${verdictText(verdict, colors)}${count}`;
  return [label, ...shown.flatMap((finding) => findingLines(finding, colors)), ...noteText];
}

function findingLines(finding: Finding, colors: Colors): string[] {
  const { severity, rule, message, fix, status, exception, path } = finding;
  const excepted = status === "excepted";
  const paint = excepted ? colors.dim : { error: colors.red, warning: colors.yellow, info: colors.cyan }[severity];
  const where = [placeOf(finding), path.join(".")]
    .filter((text) => text !== "")
    .map(safeText)
    .join("  ");
  return [
    `  ${paint((excepted ? "excepted" : severity).padEnd(8))} ${colors.bold(rule)}  ${colors.dim(where)}`,
    `           ${safeText(message)}`,
    ...(excepted && exception !== undefined
      ? [`           until ${exception.until}, ${safeText(exception.owner)}: ${safeText(exception.reason)}`]
      : fix === null
        ? []
        : [`           ${colors.dim(`fix: ${safeText(fix)}`)}`]),
  ];
}

function exceptionLines({ exceptions }: GateReport, colors: Colors): string[] {
  if (exceptions.length === 0) return [];
  const lines = exceptions.map(({ rule, path, until, owner, reason, expired, used }) => {
    const state = expired ? colors.red(`ended ${until}`) : `until ${until}`;
    const place = path === undefined ? "" : ` at ${safeText(path)}`;
    return `  ${safeText(rule)}${place}  ${state}  ${safeText(owner)}: ${safeText(reason)}  (covers ${used})`;
  });
  return ["exceptions", ...lines, ""];
}

function verdictText(verdict: string, { green, red, yellow, dim }: Colors): string {
  if (verdict === "pass") return green(verdict);
  if (verdict === "skipped") return dim(verdict);
  return verdict === "blocked" || verdict === "invalid" ? red(verdict) : yellow(verdict);
}

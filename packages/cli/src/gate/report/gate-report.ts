import type { ExceptionState } from "../config/exceptions.ts";
import type { Finding, Severity, Stage } from "../finding.ts";
import type { Origin } from "../rule.ts";
import type { StageNote, Verdict } from "../run.ts";

/** What a report says of a rule: also of one that found nothing, since that is what a pass means. */
export interface ReportedRule {
  readonly id: string;
  readonly stage: Stage;
  readonly severity: Severity;
  readonly origin: Origin | null;
  readonly title: string;
  readonly rationale: string;
  readonly fix: string | null;
  readonly sources: readonly string[];
}

export interface ReportedStage {
  readonly stage: Stage;
  readonly verdict: Verdict;
  readonly durationMs: number;
  /** Ids of the rules that were asked. */
  readonly asked: readonly string[];
  readonly findings: readonly Finding[];
  readonly notes: readonly StageNote[];
  readonly facts: Readonly<Record<string, unknown>>;
}

/** One run of the gate: what `--output json` prints, and what every other format is made from. */
export interface GateReport {
  readonly schema: "snowshed.gate/1";
  readonly tool: { readonly name: "snowshed"; readonly version: string };
  readonly startedAt: string;
  readonly durationMs: number;
  /** The file, as it was named. */
  readonly config: string;
  /** Null when the file could not be used. */
  readonly preset: "article" | "recommended" | null;
  readonly environment: string | null;
  readonly failOn: "error" | "warning";
  /** `invalid`: the file cannot be used; `interrupted`: the user stopped it. */
  readonly verdict: Exclude<Verdict, "skipped"> | "invalid" | "interrupted";
  readonly exitCode: number;
  readonly counts: Readonly<Record<Severity | "excepted", number>>;
  readonly stages: readonly ReportedStage[];
  readonly exceptions: readonly ExceptionState[];
  readonly rules: readonly ReportedRule[];
}

/** Every finding of a report, in the order of the stages. */
export function findingsOf({ stages }: Pick<GateReport, "stages">): readonly Finding[] {
  return stages.flatMap(({ findings }) => findings);
}

/** `snowshed.yaml:12:5`, as far as it is known. */
export function placeOf({ file, line, column }: Pick<Finding, "file" | "line" | "column">): string {
  if (file === null) return "";
  if (line === null) return file;
  return column === null ? `${file}:${line}` : `${file}:${line}:${column}`;
}

/** `2 errors, 1 warning`; `nothing` when there is nothing. */
export function countsText(counts: GateReport["counts"]): string {
  const parts = [
    ...(counts.error > 0 ? [plural(counts.error, "error")] : []),
    ...(counts.warning > 0 ? [plural(counts.warning, "warning")] : []),
    ...(counts.info > 0 ? [`${counts.info} info`] : []),
    ...(counts.excepted > 0 ? [`${counts.excepted} excepted`] : []),
  ];
  return parts.length === 0 ? "nothing found" : parts.join(", ");
}

function plural(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

export function countFindings(findings: readonly Finding[]): GateReport["counts"] {
  const counts = { error: 0, warning: 0, info: 0, excepted: 0 };
  for (const { severity, status } of findings) counts[status === "excepted" ? "excepted" : severity]++;
  return counts;
}

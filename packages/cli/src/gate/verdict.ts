import type { Finding, Severity } from "./finding.ts";
import type { StageNote, Verdict } from "./run.ts";

/** Of a stage: an open finding blocks; without one, what could not be judged leaves it open; then it passes. */
export function verdictOf(
  findings: readonly Finding[],
  notes: readonly StageNote[],
  failOn: Extract<Severity, "error" | "warning"> = "error",
): Verdict {
  if (findings.some((finding) => blocks(finding, failOn))) return "blocked";
  return notes.some(({ kind }) => kind === "failed") ? "inconclusive" : "pass";
}

export function blocks({ severity, status }: Finding, failOn: Extract<Severity, "error" | "warning">): boolean {
  return status !== "excepted" && (severity === "error" || (severity === "warning" && failOn === "warning"));
}

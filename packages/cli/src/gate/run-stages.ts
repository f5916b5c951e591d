import { UsageError } from "../usage-error.ts";
import { ConfigError } from "./config/config-error.ts";
import type { Exceptions } from "./config/exceptions.ts";
import type { Severity } from "./finding.ts";
import type { ReportedStage } from "./report/gate-report.ts";
import type { Rule } from "./rule.ts";
import type { StageContext, StageNote, StageResult, Verdict } from "./run.ts";
import type { ChosenStage } from "./stages.ts";
import { verdictOf } from "./verdict.ts";

export interface StagesOptions {
  readonly shared: Omit<StageContext, "rules" | "explicit">;
  readonly known: readonly Rule[];
  readonly exceptions: Exceptions;
  readonly failOn: Extract<Severity, "error" | "warning">;
}

/**
 * Runs stages one after the other. A stage that fails is named and leaves the gate inconclusive; the others run all the
 * same, except that nothing is injected into what has been found unsafe, and that nothing begins after an interrupt.
 */
export async function runStagesOf(chosen: readonly ChosenStage[], options: StagesOptions): Promise<ReportedStage[]> {
  const { shared, known, exceptions, failOn } = options;
  const done: ReportedStage[] = [];
  for (const { stage, load, explicit, refusal } of chosen) {
    const rules = known.filter(({ meta }) => meta.stage === stage);
    const begun = performance.now();
    const refused = refusal ?? reasonNotTo(stage, done, shared.signal);
    const result =
      refused === undefined
        ? await attempt(stage, async () => (await load()).run({ ...shared, rules, explicit }))
        : outcome(stage, explicit && !shared.signal.aborted ? "inconclusive" : "skipped", refused);
    const findings = result.findings.map((finding) => exceptions.apply(finding));
    const judged = judge(result, verdictOf(findings, result.notes, failOn));
    const skipped = new Set(result.notes.map(({ rule }) => rule));
    const ids = rules.map(({ meta }) => meta.id).filter((id) => !skipped.has(id));
    done.push({
      ...result,
      findings,
      // Who names a stage wants it to have judged.
      verdict: judged === "skipped" && explicit && !shared.signal.aborted ? "inconclusive" : judged,
      durationMs: Math.round(performance.now() - begun),
      asked: refused === undefined && result.verdict !== "skipped" ? ids : [],
    });
  }
  return done;
}

/** What blocks, blocks. Else a stage that says it could not judge is believed; a block that is excepted becomes a pass. */
function judge({ verdict, findings }: StageResult, found: Verdict): Verdict {
  if (found === "blocked") return found;
  if (verdict === "inconclusive" || verdict === "skipped") return verdict;
  // Blocked by something that is no finding.
  if (verdict === "blocked" && findings.length === 0) return verdict;
  return found;
}

function reasonNotTo(stage: string, done: readonly ReportedStage[], signal: AbortSignal): string | undefined {
  if (signal.aborted) return "interrupted";
  const unsafe = done.find(({ verdict }) => verdict === "blocked");
  if ((stage === "chaos" || stage === "capacity") && unsafe !== undefined) {
    return `the stage ${unsafe.stage} blocks already: nothing is tried on what is known to be unsafe`;
  }
  return undefined;
}

async function attempt(stage: ChosenStage["stage"], run: () => Promise<StageResult>): Promise<StageResult> {
  try {
    return await run();
  } catch (error) {
    // The file or the command line is to be changed: exit code 2, not 3.
    if (error instanceof ConfigError || error instanceof UsageError) throw error;
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return outcome(stage, "inconclusive", `the stage ${stage} failed: ${message}`, "failed");
  }
}

function outcome(
  stage: ChosenStage["stage"],
  verdict: Verdict,
  message: string,
  kind: StageNote["kind"] = "skipped",
): StageResult {
  return { stage, verdict, findings: [], notes: [{ kind, rule: null, message }], facts: {} };
}

import path from "node:path";
import { UsageError } from "../../usage-error.ts";
import { checkRules } from "../check-rules.ts";
import { ConfigError } from "../config/config-error.ts";
import type { StageContext, StageNote, StageResult, StageRunner } from "../run.ts";
import { verdictOf } from "../verdict.ts";
import { CapacityFailure } from "./capacity-failure.ts";
import { safeFact } from "./capacity-facts.ts";
import type { CapacityResult } from "./capacity-result.ts";
import { judgementLines } from "./capacity-text.ts";
import type { Machine } from "./noise.ts";
import type { CapacityRunOptions } from "./run-capacity.ts";
import { runCapacity } from "./run-capacity.ts";

export interface CapacityStageOptions {
  /** Of the configuration; default: all that are enabled, or all if the stage was named. */
  readonly names?: readonly string[] | undefined;
  /** Default: snowshed-capacity, beside the configuration. */
  readonly out?: string | undefined;
  readonly mode?: CapacityRunOptions["mode"] | undefined;
  readonly seed?: number | undefined;
  readonly machine?: Machine | undefined;
  /** Called with each result. */
  readonly onResult?: ((result: CapacityResult) => void) | undefined;
}

/** A run in a pipeline begins anew: what another machine measured is not of this one. */
export const capacityStage: StageRunner = capacityStageWith({ mode: "fresh" });

export function capacityStageWith(options: CapacityStageOptions): StageRunner {
  return { stage: "capacity", run: (context) => runStage(context, options) };
}

async function runStage(context: StageContext, options: CapacityStageOptions): Promise<StageResult> {
  const { config, preset, source, explicit, rules, env, signal, say } = context;
  const wanted = Object.entries(config.capacity).filter(
    ([name, { enabled }]) => options.names?.includes(name) ?? (explicit ? enabled !== false : enabled === true),
  );
  // What is wrong with the section is said before an hour of load, not after it.
  const early = await checkRules(rules, { config, preset, source });
  const hasErrors = early.findings.some(({ severity }) => severity === "error");
  if (wanted.length === 0) {
    const notes: StageNote[] = [{ kind: "skipped", rule: null, message: "nothing to measure: capacity is empty" }];
    return { stage: "capacity", verdict: explicit ? "inconclusive" : "skipped", findings: [], notes, facts: {} };
  }
  const notes: StageNote[] = [];
  const results: CapacityResult[] = [];
  const { out = path.join(source.folder, "snowshed-capacity"), mode = "ask", seed = 1, machine, onResult } = options;
  for (const [name, capacity] of hasErrors ? [] : wanted) {
    const shared = { out, mode, seed, env, signal, say, machine, folder: source.folder };
    const { headroom } = preset;
    try {
      const run = { ...shared, name, config: capacity, headroom, targets: config.chaos.targets };
      const result = await runCapacity(run);
      results.push(result);
      onResult?.(result);
      const kind = result.judgement.verdict === "found" ? "info" : "failed";
      for (const text of judgementLines(result)) {
        notes.push({ kind: text.startsWith("inconclusive") ? kind : "info", rule: null, message: `${name}: ${text}` });
      }
    } catch (error) {
      if (signal.aborted) {
        notes.push({
          kind: "failed",
          rule: null,
          message: `${name}: stopped; what was measured is kept: --resume goes on`,
        });
        break;
      }
      if (error instanceof UsageError || error instanceof ConfigError || !(error instanceof CapacityFailure))
        throw error;
      notes.push({ kind: "failed", rule: null, message: `${name}: ${error.message}` });
    }
  }
  const live = results.flatMap(({ name, judgement: { safe, unit } }) =>
    safe === null ? [] : safeFact(name, safe, unit),
  );
  const { findings, notes: ruleNotes } = await checkRules(rules, { config, preset, source, live });
  const all = [...notes, ...ruleNotes];
  const facts = Object.fromEntries(results.map(({ name, judgement, points }) => [name, { judgement, points }]));
  return { stage: "capacity", verdict: verdictOf(findings, all), findings, notes: all, facts };
}

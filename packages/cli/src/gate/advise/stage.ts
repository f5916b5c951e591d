import { checkRules } from "../check-rules.ts";
import type { Config } from "../config/config.ts";
import type { Preset } from "../config/presets/preset.ts";
import type { StageRunner } from "../run.ts";
import { verdictOf } from "../verdict.ts";
import type { Alternative, Conflict } from "./alternatives.ts";
import { alternativesTo, conflictsOf } from "./alternatives.ts";
import type { Advice } from "./tree.ts";
import { adviseOn } from "./tree.ts";

/** What is said of one workload, as it stands in the JSON report. */
export interface WorkloadAdvice extends Advice {
  readonly store: string;
  readonly conflicts: readonly Conflict[];
  readonly alternatives: readonly Alternative[];
}

export function adviceFor(config: Config, preset: Preset): Readonly<Record<string, WorkloadAdvice>> {
  const entries = Object.entries(config.workloads).map(([name, workload]): [string, WorkloadAdvice] => [
    name,
    {
      store: workload.store,
      ...adviseOn(workload, preset),
      conflicts: conflictsOf(workload, preset),
      alternatives: alternativesTo(workload, preset),
    },
  ]);
  return Object.fromEntries(entries);
}

/** Reads only the configuration. */
export const adviseStage: StageRunner = {
  stage: "advise",
  async run({ config, preset, source, rules }) {
    if (Object.keys(config.workloads).length === 0) {
      const notes = [{ kind: "skipped", rule: null, message: "no workloads are declared" }] as const;
      return { stage: "advise", verdict: "skipped", findings: [], notes, facts: {} };
    }
    const { findings, notes } = await checkRules(rules, { config, preset, source });
    const facts = { workloads: adviceFor(config, preset) };
    return { stage: "advise", verdict: verdictOf(findings, notes), findings, notes, facts };
  },
};

import type { Config } from "./config/config.ts";
import type { Stage } from "./finding.ts";
import { refusalIn } from "./production.ts";
import type { StageRunner } from "./run.ts";

export type RunnableStage = Exclude<Stage, "config">;

/** Each stage is loaded when it runs: most runs need two or three of them. */
const runners: Readonly<Record<RunnableStage, () => Promise<StageRunner>>> = {
  advise: async () => (await import("./advise/stage.ts")).adviseStage,
  audit: async () => (await import("./audit/stage.ts")).auditStage,
  rules: async () => (await import("./alerts/stage.ts")).rulesStage,
  chaos: async () => (await import("./chaos/stage.ts")).chaosStage,
  capacity: async () => (await import("./capacity/stage.ts")).capacityStage,
};

/** In the order they run. */
const runnableStages: readonly RunnableStage[] = Object.keys(runners) as RunnableStage[];

export interface ChosenStage {
  readonly stage: RunnableStage;
  readonly load: () => Promise<StageRunner>;
  /** The user named it. */
  readonly explicit: boolean;
  /** Why it must not run at all. */
  readonly refusal: string | undefined;
}

/** Those the user names; else those that read only files, and what the file enables. */
export function stagesToRun(config: Config, only: readonly RunnableStage[] | undefined): readonly ChosenStage[] {
  const enabled: Partial<Record<RunnableStage, boolean>> = {
    chaos: config.chaos.enabled === true,
    capacity: Object.values(config.capacity).some((each) => each.enabled === true),
  };
  return runnableStages
    .filter((stage) => (only === undefined ? (enabled[stage] ?? true) : only.includes(stage)))
    .map((stage) => ({
      stage,
      load: runners[stage],
      explicit: only !== undefined,
      refusal: stage in enabled ? refusalIn(config.environment) : undefined,
    }));
}

import type { Stage } from "./finding.ts";
import type { StageRunner } from "./run.ts";

/** Each stage is loaded when it runs: most runs need two or three of them. */
export const stageRunners: Readonly<Record<Exclude<Stage, "config">, () => Promise<StageRunner>>> = {
  advise: async () => (await import("./advise/stage.ts")).adviseStage,
  audit: async () => (await import("./audit/stage.ts")).auditStage,
  rules: async () => (await import("./alerts/stage.ts")).rulesStage,
  chaos: async () => (await import("./chaos/stage.ts")).chaosStage,
  capacity: async () => (await import("./capacity/stage.ts")).capacityStage,
};

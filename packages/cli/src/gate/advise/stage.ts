import type { StageRunner } from "../run.ts";

export const adviseStage: StageRunner = {
  stage: "advise",
  run: () =>
    Promise.resolve({
      stage: "advise",
      verdict: "skipped",
      findings: [],
      notes: [{ kind: "skipped", rule: null, message: "not there yet" }],
      facts: {},
    }),
};

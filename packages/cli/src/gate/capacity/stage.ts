import type { StageRunner } from "../run.ts";

export const capacityStage: StageRunner = {
  stage: "capacity",
  run: () =>
    Promise.resolve({
      stage: "capacity",
      verdict: "skipped",
      findings: [],
      notes: [{ kind: "skipped", rule: null, message: "not there yet" }],
      facts: {},
    }),
};

import type { StageRunner } from "../run.ts";

export const rulesStage: StageRunner = {
  stage: "rules",
  run: () =>
    Promise.resolve({
      stage: "rules",
      verdict: "skipped",
      findings: [],
      notes: [{ kind: "skipped", rule: null, message: "not there yet" }],
      facts: {},
    }),
};

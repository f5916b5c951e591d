import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

const experiment = (withinS: number): string => `
chaos:
  experiments:
    - id: a
      steadyState: [{ probe: tcp, target: 127.0.0.1:1 }]
      fault: { engine: embedded, target: 127.0.0.1:1, listen: 127.0.0.1:2, kind: latency, delayMs: 3000, durationS: 1 }
      faultSeen: { probe: tcp, target: 127.0.0.1:2, minMs: 2500 }
      recover: { withinS: ${withinS}, expect: [steady-state] }
`;

export const rule: Rule = defineRule({
  meta: {
    id: "chaos/recovery-limit",
    stage: "chaos",
    severity: "error",
    origin: "article",
    title: "The time to recover is not above the limit",
    rationale: "A limit that is made longer until the experiment passes is none.",
    sources: ["the article, chapter 5"],
    fix: "Set recover.withinS to 90 or less.",
    needs: ["static"],
  },
  check({ config, preset, report }) {
    const most = preset.chaos.recoverWithinS;
    for (const [index, { id, recover }] of (config.chaos.experiments ?? []).entries()) {
      if (recover.withinS <= most) continue;
      const path = ["chaos", "experiments", index, "recover", "withinS"];
      report({ path, message: `${id} may take ${recover.withinS} s to recover; the limit is ${most} s` });
    }
  },
  tests: {
    valid: ["", experiment(90)],
    invalid: [{ code: experiment(91), errors: [{ path: "chaos.experiments.0.recover.withinS" }] }],
  },
});

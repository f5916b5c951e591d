import { fewestLoads } from "../../capacity/judgement.ts";
import { loadsOf } from "../../capacity/ramp.ts";
import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

const base = "driver: redis-benchmark, target: redis://127.0.0.1";
const knee = "knee: { methods: [kneedle, usl], minAgreement: 2 }";

export const ramp: Rule = defineRule({
  meta: {
    id: "capacity/ramp",
    stage: "capacity",
    severity: "error",
    origin: "measured",
    title: "The ramp has too few loads to show a knee",
    rationale:
      "A law with three coefficients goes through any three points, and a knee between two of them is not seen.",
    sources: ["docs/gate-capacity.md"],
    fix: "Make ramp.step smaller or ramp.to larger, so that there are at least six loads.",
    needs: ["static"],
  },
  check({ config, report }) {
    for (const [name, each] of Object.entries(config.capacity)) {
      const { length } = loadsOf(each);
      if (length >= fewestLoads) continue;
      report({ path: ["capacity", name, "ramp"], message: `the ramp of ${name} has ${length} different loads` });
    }
  },
  tests: {
    valid: [`capacity: { a: { ${base}, ${knee}, ramp: { from: 1, to: 11, step: 2, reps: 5 } } }`],
    invalid: [
      {
        code: `capacity: { a: { ${base}, ${knee}, ramp: { from: 1, to: 9, step: 2, reps: 5 } } }`,
        errors: [{ path: "capacity.a.ramp" }],
      },
      {
        // Clients are whole: these are 1 and 2.
        code: `capacity: { a: { ${base}, ${knee}, ramp: { from: 1, to: 2, step: 0.1, reps: 5 } } }`,
        errors: [{ path: "capacity.a.ramp" }],
      },
      {
        code: `capacity: { a: { ${base}, ${knee}, ramp: { from: 9, to: 1, step: 1, reps: 5 } } }`,
        errors: [{ path: "capacity.a.ramp" }],
      },
    ],
  },
});

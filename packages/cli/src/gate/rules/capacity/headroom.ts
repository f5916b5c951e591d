import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

const base = "driver: memory, target: redis://127.0.0.1, ramp: { from: 40, to: 100, step: 5, reps: 5 }";
const knee = "knee: { methods: [kneedle, threshold], minAgreement: 2 }";

export const headroom: Rule = defineRule({
  meta: {
    id: "capacity/headroom",
    stage: "capacity",
    severity: "error",
    origin: "article",
    title: "Less stays free than the preset demands",
    rationale: "At the knee there is nothing left for a peak, a failover or the copy that a snapshot makes.",
    sources: ["the article, chapter 5"],
    fix: "Leave capacity.<name>.headroom out, or set it to at least the preset's.",
    needs: ["static"],
  },
  check({ config, preset, report }) {
    for (const [name, { headroom: given }] of Object.entries(config.capacity)) {
      if (given === undefined || given >= preset.headroom) continue;
      const message = `${name} leaves ${given * 100} % free, ${preset.headroom * 100} % are demanded`;
      report({ path: ["capacity", name, "headroom"], message, data: { have: given, want: preset.headroom } });
    }
  },
  tests: {
    valid: [
      `capacity: { redis: { ${base}, ${knee} } }`,
      `capacity: { redis: { ${base}, ${knee}, headroom: 0.25 } }`,
      `capacity: { redis: { ${base}, ${knee}, headroom: 0.4 } }`,
    ],
    invalid: [
      {
        code: `capacity: { redis: { ${base}, ${knee}, headroom: 0.2 } }`,
        errors: [{ path: "capacity.redis.headroom" }],
      },
    ],
  },
});

import { safeFact, safeOf } from "../../capacity/capacity-facts.ts";
import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

const code =
  "capacity: { api: { driver: autocannon, target: http://127.0.0.1, ramp: { from: 1, to: 50, step: 5, reps: 5 }, knee: { methods: [kneedle, usl], minAgreement: 2 }, atLeast: 1000 } }";

export const demand: Rule = defineRule({
  meta: {
    id: "capacity/demand",
    stage: "capacity",
    severity: "error",
    origin: "article",
    title: "Less is safe than what is needed",
    rationale: "The capacity is where the measured curve bends, less the headroom, and not what is hoped for.",
    sources: ["the article, chapter 5"],
    fix: "Make it faster or larger, spread the load, or plan for less.",
    needs: ["live"],
  },
  check({ config, live, report }) {
    for (const [name, { atLeast }] of Object.entries(config.capacity)) {
      const safe = safeOf(live, name);
      if (atLeast === undefined || safe === undefined || safe.value >= atLeast) continue;
      const message = `${name}: ${atLeast} ${safe.unit} are needed, ${safe.value.toPrecision(4)} are safe`;
      report({ path: ["capacity", name, "atLeast"], message, data: { have: safe.value, want: atLeast } });
    }
  },
  tests: {
    valid: [
      { code, live: [safeFact("api", 1000, "per second")] },
      // Nothing was found: the stage is inconclusive, and that is said elsewhere.
      { code, live: [] },
      { code, live: [safeFact("other", 10, "per second")] },
    ],
    invalid: [{ code, live: [safeFact("api", 999.9, "per second")], errors: [{ path: "capacity.api.atLeast" }] }],
  },
});

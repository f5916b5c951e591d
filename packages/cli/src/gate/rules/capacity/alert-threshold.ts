import { safeFact, safeOf } from "../../capacity/capacity-facts.ts";
import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

const code =
  "capacity: { redis: { driver: memory, target: redis://127.0.0.1, ramp: { from: 40, to: 100, step: 5, reps: 5 }, knee: { methods: [kneedle, threshold], minAgreement: 2 } } }";
/** Percent of maxmemory: what eviction counts moves by more while it is read. */
const tolerance = 1;

export const alertThreshold: Rule = defineRule({
  meta: {
    id: "capacity/alert-threshold",
    stage: "capacity",
    severity: "error",
    origin: "article",
    title: "The alert on memory comes after what was measured to be safe",
    rationale:
      "The article alerts at 75 % of maxmemory, a quarter below where eviction begins. Where latency bends earlier, that is too late.",
    sources: ["the article, chapter 5"],
    fix: "Set alerts.vars.redisMemoryRatio to what was measured: it is in <name>.rules.yml.",
    needs: ["live"],
  },
  check({ config, preset, live, report }) {
    const given = config.alerts.vars?.["redisMemoryRatio"];
    const percent = 100 * (given === undefined ? preset.alerts.redisMemoryRatio : Number(given));
    for (const [name, { driver }] of Object.entries(config.capacity)) {
      const safe = driver === "memory" ? safeOf(live, name) : undefined;
      if (safe === undefined || percent <= safe.value + tolerance) continue;
      const message = `${name}: the alert is at ${percent.toPrecision(3)} % of maxmemory, ${safe.value.toPrecision(3)} % are safe`;
      report({ path: ["alerts", "vars", "redisMemoryRatio"], message, data: { have: percent, want: safe.value } });
    }
  },
  tests: {
    valid: [
      { code, live: [safeFact("redis", 75, "percent")] },
      { code: `${code}\nalerts: { vars: { redisMemoryRatio: 0.6 } }`, live: [safeFact("redis", 60, "percent")] },
      { code, live: [] },
    ],
    invalid: [
      { code, live: [safeFact("redis", 66, "percent")], errors: [{ path: "alerts.vars.redisMemoryRatio" }] },
      {
        code: `${code}\nalerts: { vars: { redisMemoryRatio: 0.9 } }`,
        live: [safeFact("redis", 75, "percent")],
        errors: [{ path: "alerts.vars.redisMemoryRatio" }],
      },
    ],
  },
});

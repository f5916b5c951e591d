import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { reportOutcomes } from "../../chaos/report-outcomes.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "chaos/recovers-in-time",
    stage: "chaos",
    severity: "error",
    origin: "article",
    title: "After a fault, the service does its work again within the limit",
    rationale:
      "A consumer group that does not resume after three seconds of delay will not do so in production either.",
    sources: ["the article, chapter 5"],
    fix: "See the observations in the JSON report; for Kafka, look at the session and rebalance timeouts of the consumers first.",
    needs: ["live"],
  },
  check: (context) => reportOutcomes(context, "not-recovered"),
  tests: {
    valid: [
      {
        code: "",
        live: [{ subject: "chaos", name: "a", value: "recovered: after 2 s", file: null, line: null, column: null }],
      },
      {
        code: "",
        live: [{ subject: "chaos", name: "a", value: "fault-not-seen: x", file: null, line: null, column: null }],
      },
    ],
    invalid: [
      {
        code: "",
        live: [{ subject: "chaos", name: "a", value: "not-recovered: x", file: null, line: null, column: null }],
        errors: [{ path: "chaos.experiments" }],
      },
    ],
  },
});

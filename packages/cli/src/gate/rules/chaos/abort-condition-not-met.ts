import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { reportOutcomes } from "../../chaos/report-outcomes.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "chaos/abort-condition-not-met",
    stage: "chaos",
    severity: "error",
    origin: "vendor",
    title: "A fault does not reach what its abort condition protects",
    rationale: "The abort condition says how much harm is too much; it was met, and the fault was taken back early.",
    sources: ["https://docs.aws.amazon.com/fis/latest/userguide/stop-conditions.html"],
    fix: "Keep the harm from spreading, by a deadline, a limit or a fallback, or make the fault smaller.",
    needs: ["live"],
  },
  check: (context) => reportOutcomes(context, "aborted"),
  tests: {
    valid: [
      {
        code: "",
        live: [{ subject: "chaos", name: "a", value: "recovered: x", file: null, line: null, column: null }],
      },
    ],
    invalid: [
      {
        code: "",
        live: [{ subject: "chaos", name: "a", value: "aborted: x", file: null, line: null, column: null }],
        errors: [{ path: "chaos.experiments" }],
      },
    ],
  },
});

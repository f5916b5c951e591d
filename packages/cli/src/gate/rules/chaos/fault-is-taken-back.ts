import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { reportOutcomes } from "../../chaos/report-outcomes.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "chaos/fault-is-taken-back",
    stage: "chaos",
    severity: "error",
    origin: "measured",
    title: "A fault that was injected is gone afterwards",
    rationale: "A tool that answers is not a fault that is gone: the state is asked for after the undo.",
    sources: [
      "https://github.com/chaosblade-io/chaosblade/issues/512",
      "https://github.com/chaos-mesh/chaos-mesh/issues/4433",
    ],
    fix: "Run snowshed gate chaos heal; its journal says what is left.",
    needs: ["live"],
  },
  check: (context) => reportOutcomes(context, "not-healed"),
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
        live: [{ subject: "chaos", name: "a", value: "not-healed: x", file: null, line: null, column: null }],
        errors: [{ path: "chaos.experiments" }],
      },
    ],
  },
});

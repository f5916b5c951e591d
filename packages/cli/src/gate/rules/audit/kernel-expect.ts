import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { holds } from "../../audit/comparison.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { machinesWith } from "../../audit/kernel-check.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kernel-expect",
    stage: "audit",
    severity: "error",
    origin: "measured",
    title: "A kernel setting is not what the configuration expects",
    rationale: "kernel.expect says what the service was tuned and tested with.",
    sources: [
      "https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html",
      "https://www.kernel.org/doc/html/latest/admin-guide/sysctl/vm.html",
    ],
    fix: "Set it on the target, or correct kernel.expect.",
    needs: ["static"],
  },
  check(context) {
    for (const [setting, comparison] of Object.entries(context.config.kernel.expect ?? {})) {
      for (const machine of machinesWith(context, setting.replaceAll("/", "."))) {
        const value = machine.value(setting.replaceAll("/", ".")) ?? "";
        if (holds(comparison, value)) continue;
        const message = `${setting} is ${value} on ${machine.name}, and kernel.expect says ${comparison}`;
        context.report({ path: ["kernel", "expect", setting], message, data: { value, comparison } });
      }
    }
  },
  tests: {
    valid: [
      {
        code: 'kernel: { expect: { net.core.somaxconn: ">=4096" } }',
        facts: factsOf("kernel", { "net.core.somaxconn": "4096" }),
      },
      { code: 'kernel: { expect: { net.core.somaxconn: ">=4096" } }' },
    ],
    invalid: [
      {
        code: 'kernel: { expect: { net.core.somaxconn: ">=4096" } }',
        facts: factsOf("kernel", { "net.core.somaxconn": "4095" }),
        errors: [{ path: "kernel.expect.net.core.somaxconn" }],
      },
    ],
  },
});

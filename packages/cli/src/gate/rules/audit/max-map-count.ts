import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { checkPreset } from "../../audit/kernel-check.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/max-map-count",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "A broker may run out of memory maps",
    rationale:
      "Each segment of a Kafka log needs two memory maps for its indexes. The kernel's default of 65530 ends a broker with a few thousand partitions with an out-of-memory error.",
    sources: [
      "https://kafka.apache.org/documentation/#os",
      "https://www.kernel.org/doc/html/latest/admin-guide/sysctl/vm.html",
    ],
    fix: "vm.max_map_count = 262144 or more on brokers.",
    needs: ["static"],
  },
  check(context) {
    checkPreset(context, "kafka", { setting: "vm.max_map_count", why: "each log segment of Kafka takes two maps" });
  },
  tests: {
    valid: [
      {
        code: "connections: { kafka: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.max_map_count": "262144" }),
      },
    ],
    invalid: [
      {
        code: "connections: { kafka: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.max_map_count": "65530" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { checkPreset } from "../../audit/kernel-check.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/swappiness",
    stage: "audit",
    severity: "warning",
    origin: "article",
    title: "The kernel swaps out a broker's memory",
    rationale:
      "Kafka lives by its page cache, and a heap that is swapped out makes each collection take seconds: consumers are thrown out of their group. A machine without swap cannot, and is passed over.",
    sources: [
      "the article, chapter 5",
      "https://www.kernel.org/doc/html/latest/admin-guide/sysctl/vm.html",
      "https://kafka.apache.org/documentation/#os",
    ],
    fix: "vm.swappiness = 1, or no swap.",
    needs: ["static"],
  },
  check(context) {
    checkPreset(context, "kafka", {
      setting: "vm.swappiness",
      why: "what is swapped out stops consumers for seconds",
      applies: (machine) => machine.value("memory.swap-total-kb") !== "0",
    });
  },
  tests: {
    valid: [
      {
        code: "connections: { kafka: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.swappiness": "1" }),
      },
      {
        code: "connections: { kafka: { max: 4, perProcess: 1, processes: 4 } }",
        live: liveFactsOf("kernel", { "vm.swappiness": "60", "memory.swap-total-kb": "0" }),
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.swappiness": "60" }),
      },
      {
        code: "connections: { kafka: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.swappiness": "0" }),
      },
    ],
    invalid: [
      {
        code: "connections: { kafka: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.swappiness": "60" }),
        errors: [{ path: "kernel.from" }],
      },
      {
        code: "connections: { kafka: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "vm.swappiness": "0" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

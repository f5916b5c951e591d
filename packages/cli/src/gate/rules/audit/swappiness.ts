import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { checkPreset } from "../../audit/kernel-check.ts";
import { serversOf } from "../../audit/servers.ts";

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
    const machines = serversOf(context, "kernel");
    if (
      machines.some((machine) => machine.value("memory.swap-total-kb") === "0") &&
      !context.facts.some(({ name }) => name === "vm.swappiness")
    )
      return;
    checkPreset(context, "kafka", "vm.swappiness", "what is swapped out stops consumers for seconds");
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

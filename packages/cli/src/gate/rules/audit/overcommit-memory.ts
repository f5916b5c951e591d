import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { checkPreset } from "../../audit/kernel-check.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/overcommit-memory",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Redis cannot fork when half of the memory is used",
    rationale:
      "A snapshot, a rewrite of the AOF and a full sync fork. Without vm.overcommit_memory = 1 the kernel may refuse that although nearly all pages stay shared.",
    sources: [
      "https://redis.io/docs/latest/operate/oss_and_stack/management/admin/",
      "https://www.kernel.org/doc/html/latest/admin-guide/sysctl/vm.html",
    ],
    fix: "vm.overcommit_memory = 1 on machines that run Redis.",
    needs: ["static"],
  },
  check(context) {
    checkPreset(context, "redis", {
      setting: "vm.overcommit_memory",
      why: "snapshots and replication of Redis fail under load",
    });
  },
  tests: {
    valid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.overcommit_memory": "1" }),
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "vm.overcommit_memory": "0" }),
      },
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "vm.overcommit_memory": "0" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

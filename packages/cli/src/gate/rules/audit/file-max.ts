import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { checkPreset } from "../../audit/kernel-check.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/file-max",
    stage: "audit",
    severity: "warning",
    origin: "article",
    title: "The machine has few file handles",
    rationale:
      "fs.file-max bounds the open files and sockets of all processes. An etcd that cannot open another loses its peers, and the cluster its leader. The limit of the process (RLIMIT_NOFILE) is reached first on most machines.",
    sources: ["the article, chapter 5", "https://www.kernel.org/doc/html/latest/admin-guide/sysctl/fs.html"],
    fix: "fs.file-max = 2097152 or more, and a limit of open files for the service.",
    needs: ["static"],
  },
  check(context) {
    checkPreset(context, "etcd", { setting: "fs.file-max", why: "etcd without file handles loses its leader" });
  },
  tests: {
    valid: [
      {
        code: "connections: { etcd: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "fs.file-max": "2097152" }),
      },
      {
        code: "connections: { etcd: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "fs.file-max": "9223372036854775807" }),
      },
    ],
    invalid: [
      {
        code: "connections: { etcd: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "fs.file-max": "100000" }),
        errors: [{ path: "kernel.from" }],
      },
      {
        code: "connections: { etcd: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "fs.file-max": "9223372036854775807" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/file-handles-used",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Most file handles of the machine are taken",
    rationale: "Beyond fs.file-max every open(), socket() and accept() of the machine fails with ENFILE.",
    sources: ["https://www.kernel.org/doc/html/latest/admin-guide/sysctl/fs.html"],
    fix: "Find who holds them (lsof), or raise fs.file-max.",
    needs: ["live"],
  },
  check(context) {
    for (const machine of serversOf(context, "kernel")) {
      const open = wholeNumber(machine.value("files.open"));
      const most = Number(machine.value("fs.file-max"));
      if (open === undefined || !(open > 0.8 * most)) continue;
      context.report({
        ...machine.at("files.open"),
        message: `${machine.name}: ${open} of ${most} file handles are taken`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("kernel", { "files.open": "800", "fs.file-max": "1000" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("kernel", { "files.open": "801", "fs.file-max": "1000" }),
        errors: [{ path: "kernel" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { machinesWith } from "../../audit/kernel-check.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/tcp-max-syn-backlog",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Few half-open connections are remembered",
    rationale:
      "net.ipv4.tcp_max_syn_backlog bounds, for each listener, the connects whose handshake is not finished. Without SYN cookies those beyond it are dropped; 128 is the default of a machine with little memory.",
    sources: ["https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html"],
    fix: "Raise it to 1024 or more, together with net.core.somaxconn, and keep net.ipv4.tcp_syncookies at 1.",
    needs: ["static"],
  },
  check(context) {
    for (const machine of machinesWith(context, "net.ipv4.tcp_max_syn_backlog")) {
      const value = wholeNumber(machine.value("net.ipv4.tcp_max_syn_backlog")) ?? 0;
      if (value >= 1024) continue;
      const message = `net.ipv4.tcp_max_syn_backlog is ${value} on ${machine.name}: a burst of connects is dropped half-open`;
      context.report({ ...machine.at("net.ipv4.tcp_max_syn_backlog"), message });
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", facts: factsOf("kernel", { "net.ipv4.tcp_max_syn_backlog": "4096" }) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kernel", { "net.ipv4.tcp_max_syn_backlog": "128" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

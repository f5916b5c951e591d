import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/tcp-syncookies",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "SYN cookies are off",
    rationale:
      "With net.ipv4.tcp_syncookies = 0 connects are dropped once the queue of half-open ones is full, by a flood or by a burst.",
    sources: ["https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html"],
    fix: "Leave net.ipv4.tcp_syncookies at 1.",
    needs: ["static"],
  },
  check(context) {
    for (const machine of serversOf(context, "kernel")) {
      if (machine.value("net.ipv4.tcp_syncookies") !== "0") continue;
      const message = `net.ipv4.tcp_syncookies is 0 on ${machine.name}: a full queue of half-open connections drops the next`;
      context.report({ ...machine.at("net.ipv4.tcp_syncookies"), message });
    }
  },
  tests: {
    valid: [{ code: "extends: snowshed:recommended", facts: factsOf("kernel", { "net.ipv4.tcp_syncookies": "1" }) }],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kernel", { "net.ipv4.tcp_syncookies": "0" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

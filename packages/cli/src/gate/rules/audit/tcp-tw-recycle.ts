import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/tcp-tw-recycle",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "tcp_tw_recycle is set",
    rationale:
      "Linux 4.12 removed it, so that sysctl fails on the name; older kernels with it drop connects of clients behind one NAT address.",
    sources: ["https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html"],
    fix: "Remove net.ipv4.tcp_tw_recycle.",
    needs: ["static"],
  },
  check(context) {
    for (const machine of serversOf(context, "kernel")) {
      const value = machine.value("net.ipv4.tcp_tw_recycle");
      if (value === undefined || value === "0") continue;
      const message = `net.ipv4.tcp_tw_recycle is ${value} on ${machine.name}: it breaks clients behind NAT, and is gone since Linux 4.12`;
      context.report({ ...machine.at("net.ipv4.tcp_tw_recycle"), message });
    }
  },
  tests: {
    valid: [{ code: "extends: snowshed:recommended", facts: factsOf("kernel", { "net.ipv4.tcp_tw_recycle": "0" }) }],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kernel", { "net.ipv4.tcp_tw_recycle": "1" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

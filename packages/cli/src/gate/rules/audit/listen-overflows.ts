import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/listen-overflows",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Connections are being lost in front of a listener",
    rationale:
      "ListenOverflows counts connects whose handshake was done and that found the queue of the listener full. What is counted since the start of the machine says nothing; here it grew while the gate looked.",
    sources: ["the article, chapter 5", "https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html"],
    fix: "Raise the backlog of the server and net.core.somaxconn, or accept faster.",
    needs: ["live"],
  },
  check(context) {
    for (const machine of serversOf(context, "kernel")) {
      const grown = wholeNumber(machine.value("delta.ListenOverflows")) ?? 0;
      if (grown <= 0) continue;
      context.report({
        ...machine.at("delta.ListenOverflows"),
        message: `${machine.name}: ${grown} connections were lost to a full queue while the gate looked`,
      });
    }
  },
  tests: {
    valid: [{ code: "extends: snowshed:recommended", live: liveFactsOf("kernel", { "delta.ListenOverflows": "0" }) }],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("kernel", { "delta.ListenOverflows": "3" }),
        errors: [{ path: "kernel" }],
      },
    ],
  },
});

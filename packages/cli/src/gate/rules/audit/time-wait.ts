import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/time-wait",
    stage: "audit",
    severity: "warning",
    origin: "article",
    title: "Connections in TIME_WAIT take up the ports",
    rationale:
      "The side that closes keeps the port for a minute. More than half of the local ports in TIME_WAIT means connections that are made for each call.",
    sources: ["the article, chapter 5", "https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html"],
    fix: "Keep connections open in a pool.",
    needs: ["live"],
  },
  check(context) {
    for (const machine of serversOf(context, "kernel")) {
      const waiting = wholeNumber(machine.value("sockets.tw")) ?? 0;
      const [low = 0, high = 0] = (machine.value("net.ipv4.ip_local_port_range") ?? "").split(" ").map(Number);
      const ports = high - low + 1;
      if (ports <= 1 || waiting <= ports / 2) continue;
      context.report({
        ...machine.at("sockets.tw"),
        message: `${machine.name}: ${waiting} sockets in TIME_WAIT, and there are ${ports} local ports`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("kernel", { "sockets.tw": "6000", "net.ipv4.ip_local_port_range": "32768 60999" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("kernel", { "sockets.tw": "20000", "net.ipv4.ip_local_port_range": "32768 60999" }),
        errors: [{ path: "kernel" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/port-range",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "Fewer local ports than connections to one server",
    rationale:
      "Every outgoing connection to one address and port takes a local port of net.ipv4.ip_local_port_range, and so does one in TIME_WAIT. When they are used up, connect() fails with EADDRNOTAVAIL.",
    sources: ["https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html", "the article, chapter 5"],
    fix: "Widen net.ipv4.ip_local_port_range, or open fewer connections.",
    needs: ["static"],
  },
  check(context) {
    for (const machine of serversOf(context, "kernel")) {
      const range = machine.value("net.ipv4.ip_local_port_range");
      if (range === undefined) continue;
      const [low = Number.NaN, high = Number.NaN] = range.split(" ").map(Number);
      const ports = high - low + 1;
      const at = machine.at("net.ipv4.ip_local_port_range");
      if (!(ports > 0)) {
        context.report({ ...at, message: `net.ipv4.ip_local_port_range on ${machine.name} is no range: ${range}` });
        continue;
      }
      for (const kind of ["redis", "kafka", "etcd"] as const) {
        for (const { name, perProcess, processes } of connectionsOf(context.config, kind)) {
          if (perProcess * processes <= ports) continue;
          const message = `${name}: ${perProcess * processes} connections from each machine, and net.ipv4.ip_local_port_range on ${machine.name} has ${ports} ports`;
          context.report({ ...at, message });
        }
      }
    }
  },
  tests: {
    valid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "net.ipv4.ip_local_port_range": "32768 60999" }),
      },
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 200, perProcess: 100, processes: 2 } }",
        facts: factsOf("kernel", { "net.ipv4.ip_local_port_range": "60900 60999" }),
        errors: [{ path: "kernel.from" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kernel", { "net.ipv4.ip_local_port_range": "61000 32768" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

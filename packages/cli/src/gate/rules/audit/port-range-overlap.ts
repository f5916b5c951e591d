import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { uses } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/port-range-overlap",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "A local port may take the place of a server's",
    rationale:
      "An outgoing connection may get any port of net.ipv4.ip_local_port_range. If that is the one a server of this machine listens on, the server cannot start again: address already in use.",
    sources: ["https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html"],
    fix: "Begin the range above the ports of servers, or name them in net.ipv4.ip_local_reserved_ports.",
    needs: ["static"],
  },
  check(context) {
    const ports = { redis: [6379], kafka: [9092], etcd: [2379, 2380] } as const;
    for (const machine of serversOf(context, "kernel")) {
      const range = machine.value("net.ipv4.ip_local_port_range");
      if (range === undefined) continue;
      const [low = 0, high = 0] = range.split(" ").map(Number);
      const reserved = (machine.value("net.ipv4.ip_local_reserved_ports") ?? "").split(",").map(rangeOf);
      const isFree = (port: number): boolean =>
        port >= low && port <= high && !reserved.some(([first, last]) => port >= first && port <= last);
      const inside = (["redis", "kafka", "etcd"] as const).filter(
        (kind) => uses(context, kind) && ports[kind].some((port) => isFree(port)),
      );
      if (inside.length === 0) continue;
      const message = `net.ipv4.ip_local_port_range on ${machine.name} is ${range}, which has the port of ${inside.join(", ")} in it`;
      context.report({ ...machine.at("net.ipv4.ip_local_port_range"), message });
    }
  },
  tests: {
    valid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "net.ipv4.ip_local_port_range": "32768 60999" }),
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", {
          "net.ipv4.ip_local_port_range": "1024 65535",
          "net.ipv4.ip_local_reserved_ports": "6379",
        }),
      },
      {
        code: "connections: { etcd: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", {
          "net.ipv4.ip_local_port_range": "1024 65535",
          "net.ipv4.ip_local_reserved_ports": "2300-2379,2380",
        }),
      },
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "net.ipv4.ip_local_port_range": "1024 65535" }),
        errors: [{ path: "kernel.from" }],
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", {
          "net.ipv4.ip_local_port_range": "1024 65535",
          "net.ipv4.ip_local_reserved_ports": "",
        }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

/** `8080` or `9000-9100`. */
function rangeOf(text: string): readonly [number, number] {
  const [first = "", last = first] = text.trim().split("-");
  return first === "" ? [1, 0] : [Number(first), Number(last)];
}

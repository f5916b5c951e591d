import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { machinesOf } from "../../audit/kernel-check.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/backlog-above-somaxconn",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Redis asks for a longer queue than the kernel gives it",
    rationale:
      "The kernel cuts the backlog of listen() to net.core.somaxconn without an error; Redis only writes a warning to its log.",
    sources: [
      "https://github.com/redis/redis/blob/7.2/redis.conf",
      "https://www.kernel.org/doc/html/latest/admin-guide/sysctl/net.html",
    ],
    fix: "Raise net.core.somaxconn to at least tcp-backlog.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      const backlog = wholeNumber(server.valueOr("tcp-backlog", "511"));
      if (backlog === undefined) continue;
      const machines = machinesOf(context, server).filter((machine) => machine.has("net.core.somaxconn"));
      if (machines.length === 0) context.skip(`${server.name}: net.core.somaxconn of its machine is not known`);
      for (const machine of machines) {
        const most = wholeNumber(machine.value("net.core.somaxconn")) ?? Number.POSITIVE_INFINITY;
        if (backlog <= most) continue;
        const message = `${server.name}: tcp-backlog is ${backlog}, and net.core.somaxconn on ${machine.name} cuts it to ${most}`;
        context.report({ ...server.at("tcp-backlog"), message });
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: [...factsOf("redis", { "tcp-backlog": "511" }), ...factsOf("kernel", { "net.core.somaxconn": "4096" })],
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: [...factsOf("redis", { "tcp-backlog": "8192" }), ...factsOf("kernel", { "net.core.somaxconn": "4096" })],
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: [...factsOf("redis", {}), ...factsOf("kernel", { "net.core.somaxconn": "128" })],
        errors: [{ path: "files.redis.0" }],
      },
    ],
  },
});

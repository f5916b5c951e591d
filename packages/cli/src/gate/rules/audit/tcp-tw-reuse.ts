import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { checkPreset } from "../../audit/kernel-check.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/tcp-tw-reuse",
    stage: "audit",
    severity: "info",
    origin: "article",
    title: "Reuse of connections in TIME_WAIT",
    rationale:
      "The article sets net.ipv4.tcp_tw_reuse to 1 on machines that connect to Redis. It acts on outgoing connects only and needs timestamps on both sides; the kernel says not to change it without the advice of experts. A pool that keeps its connections makes no TIME_WAIT.",
    sources: ["the article, chapter 5", "https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html"],
    fix: "Preset article: net.ipv4.tcp_tw_reuse = 1. Otherwise: keep connections open, and leave it at its default of 2 (loopback).",
    needs: ["static"],
  },
  check(context) {
    if (context.preset.name === "article") {
      checkPreset(context, "redis", {
        setting: "net.ipv4.tcp_tw_reuse",
        why: "connections in TIME_WAIT use up the ports",
      });
      return;
    }
    for (const machine of serversOf(context, "kernel")) {
      if (machine.value("net.ipv4.tcp_tw_reuse") !== "1") continue;
      const message = `net.ipv4.tcp_tw_reuse is 1 on ${machine.name}: a pool that keeps its connections is the cure for TIME_WAIT`;
      context.report({ ...machine.at("net.ipv4.tcp_tw_reuse"), message });
    }
  },
  tests: {
    valid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "net.ipv4.tcp_tw_reuse": "1" }),
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "net.ipv4.tcp_tw_reuse": "2" }),
      },
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "net.ipv4.tcp_tw_reuse": "2" }),
        errors: [{ path: "kernel.from" }],
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "net.ipv4.tcp_tw_reuse": "1" }),
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

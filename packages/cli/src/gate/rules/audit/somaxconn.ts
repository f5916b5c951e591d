import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { checkPreset } from "../../audit/kernel-check.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/somaxconn",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "The queue of connections that nobody accepted yet is too short",
    rationale:
      "net.core.somaxconn caps the backlog of every listener. The article had 128 in front of 200 connections and lost connects; kernels since 5.4 have 4096. The backlog that the server asks for counts as well: Redis asks for 511 (tcp-backlog), and so does Node.",
    sources: [
      "the article, chapter 5",
      "https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html",
      "https://github.com/redis/redis/blob/7.2/redis.conf",
    ],
    fix: "sysctl -w net.core.somaxconn=65535 (the article) or at least 1024, and raise the backlog of the server with it.",
    needs: ["static"],
  },
  check(context) {
    checkPreset(context, "any", { setting: "net.core.somaxconn", why: "a burst of connects overflows the queue" });
  },
  tests: {
    valid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "net.core.somaxconn": "4096" }),
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "net.core.somaxconn": "65535" }),
      },
      { code: "extends: snowshed:recommended", facts: factsOf("kernel", { "net.core.somaxconn": "128" }) },
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        facts: factsOf("kernel", { "net.core.somaxconn": "128" }),
        errors: [{ path: "kernel.from" }],
      },
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        preset: "article",
        facts: factsOf("kernel", { "net.core.somaxconn": "4096" }),
        errors: [{ path: "kernel.from" }],
      },
      {
        code: "connections: { etcd: { max: 4, perProcess: 1, processes: 4 } }",
        live: liveFactsOf("kernel", { "net.core.somaxconn": "128" }),
        errors: [{ path: "kernel" }],
      },
    ],
  },
});

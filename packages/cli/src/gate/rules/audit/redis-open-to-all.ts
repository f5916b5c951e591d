import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-open-to-all",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "Redis answers everybody",
    rationale:
      "Bound to all addresses, with protected mode off and without a password, whoever reaches the port can read, delete and run code.",
    sources: [
      "https://redis.io/docs/latest/operate/oss_and_stack/management/security/",
      "https://github.com/redis/redis/blob/7.2/redis.conf",
    ],
    fix: "A password or ACLs, bind to an inner address, protected-mode yes.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      // A running server tells of each setting that it has, also of those that are empty.
      const hasUsers = ["user", "aclfile", "requirepass"].some((name) => (server.value(name) ?? "") !== "");
      if (hasUsers || server.valueOr("protected-mode", "yes")?.toLowerCase() !== "no") continue;
      const bound = (server.value("bind") ?? "*").split(/\s+/).map((each) => each.replace(/^-/, ""));
      if (!bound.some((each) => each === "*" || each === "0.0.0.0" || each === "::" || each === "::*")) continue;
      context.report({
        ...server.at("protected-mode"),
        message: `${server.name}: no password, protected-mode no, and bound to every address`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { "protected-mode": "no", requirepass: "***" }),
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { "protected-mode": "no", bind: "127.0.0.1 -::1" }),
      },
      { code: "extends: snowshed:recommended", facts: factsOf("redis", {}) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { "protected-mode": "no" }),
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { "protected-mode": "NO", bind: "0.0.0.0" }),
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("redis", { "protected-mode": "no", bind: "* -::*", aclfile: "", requirepass: "" }),
        errors: [{ path: "connections.redis" }],
      },
    ],
  },
});

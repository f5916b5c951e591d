import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import type { Server } from "../../audit/servers.ts";
import { serversOf } from "../../audit/servers.ts";

/** Whether who gives no name and no password is kept out: he is the user `default`. Other users do not change that. */
function isProtected(server: Server): boolean {
  const own = server.facts.findLast(({ name, value }) => name === "user" && /^default(?:\s|$)/.test(value));
  // It is carried out after requirepass, and sets the user back before.
  if (own !== undefined) return !letsIn(own.value.split(/\s+/).slice(1));
  // A running server tells of each setting that it has, also of those that are empty.
  return ["aclfile", "requirepass"].some((name) => (server.value(name) ?? "") !== "");
}

/** As Redis applies the words, one after the other, to a user that is off and has no password. */
function letsIn(words: readonly string[]): boolean {
  let isOn = false;
  let needsNone = false;
  for (const word of words) {
    if (word === "on") isOn = true;
    if (word === "off" || word === "reset") isOn = false;
    if (word === "nopass") needsNone = true;
    if (word.startsWith(">") || word === "resetpass" || word === "reset") needsNone = false;
  }
  return isOn && needsNone;
}

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
    fix: "A password for the user default (requirepass, or its line in the ACLs) or user default off, bind to an inner address, protected-mode yes.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      if (isProtected(server) || server.valueOr("protected-mode", "yes")?.toLowerCase() !== "no") continue;
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
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { "protected-mode": "no", user: "default on >***" }),
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
        facts: factsOf("redis", { "protected-mode": "no", user: "*** on >***" }),
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

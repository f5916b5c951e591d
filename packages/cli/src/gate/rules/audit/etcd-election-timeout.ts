import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-election-timeout",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "The election timeout of etcd does not fit its heartbeat",
    rationale:
      "A follower that misses heartbeats for the election timeout starts an election. etcd refuses to start with less than five heartbeats or more than 50 s; its guide has ten times the round trip.",
    sources: ["https://etcd.io/docs/v3.5/tuning/", "https://etcd.io/docs/v3.5/op-guide/configuration/"],
    fix: "heartbeat-interval near the round trip between members (100 ms by default), election-timeout ten times that.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "etcd")) {
      const heartbeat = wholeNumber(server.valueOr("heartbeat-interval", "100"));
      const election = wholeNumber(server.valueOr("election-timeout", "1000"));
      if (heartbeat === undefined || election === undefined) continue;
      const setting = server.has("election-timeout") ? "election-timeout" : "heartbeat-interval";
      const at = server.at(setting);
      if (election > 50_000) {
        context.report({
          ...at,
          message: `${server.name}: election-timeout is ${election} ms, and etcd does not start above 50000`,
        });
      } else if (election < 5 * heartbeat) {
        context.report({
          ...at,
          message: `${server.name}: election-timeout ${election} ms is less than five times heartbeat-interval, ${heartbeat} ms: etcd does not start`,
        });
      } else if (election < 10 * heartbeat) {
        const message = `${server.name}: election-timeout ${election} ms is less than ten times heartbeat-interval, ${heartbeat} ms: a short pause costs the leader`;
        context.report({ ...at, message, severity: "warning" });
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "heartbeat-interval": "100", "election-timeout": "1000" }),
      },
      { code: "extends: snowshed:recommended", facts: factsOf("etcd", {}) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "heartbeat-interval": "100", "election-timeout": "400" }),
        errors: [{ path: "files.etcd.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "heartbeat-interval": "200" }),
        errors: [{ path: "files.etcd.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "election-timeout": "60000" }),
        errors: [{ path: "files.etcd.0" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-same-timing",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "Members of one etcd cluster with different timing",
    rationale:
      "heartbeat-interval and election-timeout must be the same on all members: one with a shorter timeout takes the leadership from the others again and again.",
    sources: ["https://etcd.io/docs/v3.5/tuning/"],
    fix: "The same values for all members.",
    needs: ["static"],
  },
  check(context) {
    const members = serversOf(context, "etcd").filter((server) => server.isComplete);
    const [first] = members;
    for (const setting of ["heartbeat-interval", "election-timeout"]) {
      const byDefault = setting === "heartbeat-interval" ? "100" : "1000";
      for (const member of members.slice(1)) {
        const [here, there] = [member.valueOr(setting, byDefault), first?.valueOr(setting, byDefault)];
        // Members of another cluster may have another.
        const [own, other] = [member.value("initial-cluster-token"), first?.value("initial-cluster-token")];
        if (here === there || own !== other) continue;
        context.report({
          ...member.at(setting),
          message: `${member.name}: ${setting} is ${here}, and ${there} on ${first?.name}`,
        });
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: [...factsOf("etcd", { "heartbeat-interval": "100" }, "a"), ...factsOf("etcd", {}, "b")],
      },
      {
        code: "extends: snowshed:recommended",
        facts: [
          ...factsOf("etcd", { "heartbeat-interval": "100", "initial-cluster-token": "x" }, "a"),
          ...factsOf("etcd", { "heartbeat-interval": "200", "initial-cluster-token": "y" }, "b"),
        ],
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: [
          ...factsOf("etcd", { "election-timeout": "1000" }, "a"),
          ...factsOf("etcd", { "election-timeout": "2000" }, "b"),
        ],
        errors: [{ path: "files.etcd.0" }],
      },
    ],
  },
});

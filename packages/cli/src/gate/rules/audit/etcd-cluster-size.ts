import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-cluster-size",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "An even number of members",
    rationale:
      "Four members bear the loss of one, as three do, and there is one more to lose. With two the loss of either stops all.",
    sources: ["https://etcd.io/docs/v3.5/faq/"],
    fix: "Three or five members.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "etcd")) {
      const cluster = server.value("initial-cluster");
      if (cluster === undefined) continue;
      const members = new Set(cluster.split(",").map((each) => each.split("=")[0]!.trim())).size;
      if (members % 2 === 1) continue;
      context.report({
        ...server.at("initial-cluster"),
        message: `${server.name}: ${members} members bear no more failures than ${members - 1}`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "initial-cluster": "a=http://a:2380,b=http://b:2380,c=http://c:2380" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "initial-cluster": "a=http://a:2380,b=http://b:2380" }),
        errors: [{ path: "files.etcd.0" }],
      },
    ],
  },
});

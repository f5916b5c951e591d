import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { uses } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-heartbeat-rtt",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "The heartbeat of etcd does not fit the round trip between members",
    rationale:
      "The guide has a heartbeat of 0.5 to 1.5 round trips and an election timeout of at least ten. The round trip is that of /metrics, p99 since the member started.",
    sources: ["https://etcd.io/docs/v3.5/tuning/"],
    fix: "Raise heartbeat-interval and election-timeout on all members.",
    needs: ["live"],
  },
  check(context) {
    const files = serversOf(context, "etcd").filter((server) => !server.isLive);
    const known = serversOf(context, "etcd").flatMap((server) => {
      const seconds = server.value("p99.peer-rtt-seconds");
      return seconds === undefined ? [] : [{ server, ms: Number(seconds) * 1000 }];
    });
    if (uses(context, "etcd") && known.length === 0)
      context.skip("the round trip between members is not known: no member of a cluster was asked");
    for (const { server, ms } of known) {
      for (const file of files) {
        const election = wholeNumber(file.valueOr("election-timeout", "1000"));
        if (election === undefined || election >= 10 * ms) continue;
        context.report({
          ...file.at("election-timeout"),
          message: `${file.name}: election-timeout is ${election} ms, and a round trip takes up to ${ms} ms (p99, ${server.name})`,
        });
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", {}),
        live: liveFactsOf("etcd", { "p99.peer-rtt-seconds": "0.0128" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", {}),
        live: liveFactsOf("etcd", { "p99.peer-rtt-seconds": "0.2048" }),
        errors: [{ path: "files.etcd.0" }],
      },
    ],
  },
});

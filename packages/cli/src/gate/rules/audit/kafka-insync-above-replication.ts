import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isBroker, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-insync-above-replication",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "One broker down stops all writes",
    rationale:
      "When min.insync.replicas is as large as the replication factor, every write with acks=all fails as soon as one replica is away, also during a rolling restart.",
    sources: ["https://kafka.apache.org/documentation/#brokerconfigs"],
    fix: "A replication factor of min.insync.replicas + 1 or more.",
    needs: ["static"],
  },
  check(context) {
    for (const broker of serversOf(context, "kafka").filter(isBroker)) {
      const least = wholeNumber(broker.valueOr("min.insync.replicas", "1"));
      const factor = wholeNumber(broker.valueOr("default.replication.factor", "1"));
      if (least === undefined || factor === undefined || least < 2 || least < factor) continue;
      const what = least === factor ? "no broker may be away" : "no write with acks=all can succeed";
      context.report({
        ...broker.at("min.insync.replicas"),
        message: `${broker.name}: min.insync.replicas is ${least} of ${factor} replicas (default.replication.factor): ${what}`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "min.insync.replicas": "2", "default.replication.factor": "3" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "min.insync.replicas": "3", "default.replication.factor": "3" }),
        errors: [{ path: "files.kafka.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "min.insync.replicas": "2" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

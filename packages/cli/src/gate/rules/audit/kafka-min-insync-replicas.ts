import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isBroker, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-min-insync-replicas",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "acks=all is confirmed by one broker",
    rationale:
      "acks=all means all that are in sync: with min.insync.replicas at its default of 1 that may be the leader alone, and what it confirmed is lost with it.",
    sources: [
      "https://kafka.apache.org/documentation/#brokerconfigs",
      "https://kafka.apache.org/documentation/#producerconfigs",
    ],
    fix: "min.insync.replicas=2 with a replication factor of 3.",
    needs: ["static"],
  },
  check(context) {
    for (const broker of serversOf(context, "kafka").filter(isBroker)) {
      const least = wholeNumber(broker.valueOr("min.insync.replicas", "1"));
      if (least === undefined || least >= 2) continue;
      context.report({
        ...broker.at("min.insync.replicas"),
        message: `${broker.name}: min.insync.replicas is ${least}: acks=all can be one broker, and its loss loses what was confirmed`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "min.insync.replicas": "2" }),
      },
      { code: "extends: snowshed:recommended", facts: factsOf("kafka", { "bootstrap.servers": "x" }) },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "node.id": "1", "process.roles": "controller", "log.dirs": "/x" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "min.insync.replicas": "1" }),
        errors: [{ path: "files.kafka.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "node.id": "1" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isBroker, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-auto-create-topics",
    stage: "audit",
    severity: "info",
    origin: "vendor",
    title: "A misspelt name becomes a topic",
    rationale:
      "auto.create.topics.enable is true by default: a producer or consumer with a wrong name makes a topic with the default number of partitions and replicas instead of an error.",
    sources: ["https://kafka.apache.org/documentation/#brokerconfigs"],
    fix: "auto.create.topics.enable=false, and topics made on purpose.",
    needs: ["static"],
  },
  check(context) {
    for (const broker of serversOf(context, "kafka").filter(isBroker)) {
      if (broker.valueOr("auto.create.topics.enable", "true")?.toLowerCase() !== "true") continue;
      context.report({
        ...broker.at("auto.create.topics.enable"),
        message: `${broker.name}: auto.create.topics.enable is true: a misspelt name becomes a topic with the defaults`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "auto.create.topics.enable": "false" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isBroker, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-internal-replication",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Offsets or transactions on too few brokers",
    rationale:
      "Consumer offsets and the state of transactions are topics. With one replica each, the loss of a broker stops the groups and the transactions whose state it had. The files that come with Kafka have 1.",
    sources: ["https://kafka.apache.org/documentation/#brokerconfigs"],
    fix: "offsets.topic.replication.factor=3, transaction.state.log.replication.factor=3.",
    needs: ["static"],
  },
  check(context) {
    for (const broker of serversOf(context, "kafka").filter(isBroker)) {
      for (const name of ["offsets.topic.replication.factor", "transaction.state.log.replication.factor"]) {
        const factor = wholeNumber(broker.valueOr(name, "3"));
        if (factor === undefined || factor >= 3) continue;
        context.report({
          ...broker.at(name),
          message: `${broker.name}: ${name} is ${factor}: the loss of a broker stops groups or transactions`,
        });
      }
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", facts: factsOf("kafka", { "broker.id": "1" }) },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "offsets.topic.replication.factor": "3" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", {
          "broker.id": "1",
          "offsets.topic.replication.factor": "1",
          "transaction.state.log.replication.factor": "1",
        }),
        errors: [{ path: "files.kafka.0" }, { path: "files.kafka.0" }],
      },
    ],
  },
});

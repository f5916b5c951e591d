import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isConsumer, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-rebalance-budget",
    stage: "audit",
    severity: "warning",
    origin: "article",
    title: "A group may need longer than 90 s to consume again",
    rationale:
      "At worst a dead member is noticed after session.timeout.ms, and the others are waited for as long as the rebalance timeout: max.poll.interval.ms in Java (45 s + 300 s), rebalanceTimeout in kafkajs (30 s + 60 s, exactly 90 s). The article blocks a release beyond 90 s.",
    sources: [
      "the article, chapter 5",
      "https://kafka.apache.org/documentation/#consumerconfigs",
      "https://kafka.js.org/docs/consuming",
    ],
    fix: "Shorter timeouts, static membership, cooperative-sticky, and leaving the group on SIGTERM.",
    needs: ["static"],
  },
  check(context) {
    const most = context.preset.chaos.recoverWithinS * 1000;
    for (const consumer of serversOf(context, "kafka").filter(isConsumer)) {
      // With the new protocol both are settings of the broker.
      if (consumer.value("group.protocol")?.toLowerCase() === "consumer") continue;
      const session = wholeNumber(consumer.valueOr("session.timeout.ms", "45000"));
      const rebalance = wholeNumber(consumer.valueOr("max.poll.interval.ms", "300000"));
      if (session === undefined || rebalance === undefined || session + rebalance <= most) continue;
      const message = `${consumer.name}: ${session} ms (session.timeout.ms) + ${rebalance} ms (max.poll.interval.ms) = ${(session + rebalance) / 1000} s at worst until the group consumes again, and ${most / 1000} s are allowed`;
      context.report({ ...consumer.at("max.poll.interval.ms"), message });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "group.id": "g", "session.timeout.ms": "30000", "max.poll.interval.ms": "60000" }),
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "group.id": "g", "group.protocol": "consumer" }),
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "group.id": "connect-cluster", "offset.storage.topic": "connect-offsets" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "group.id": "g" }),
        errors: [{ path: "files.kafka.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        preset: "article",
        facts: factsOf("kafka", { "group.id": "g", "session.timeout.ms": "30001", "max.poll.interval.ms": "60000" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

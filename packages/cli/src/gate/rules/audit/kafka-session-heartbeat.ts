import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isConsumer, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-session-heartbeat",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Few heartbeats fit into a session",
    rationale:
      "heartbeat.interval.ms should be no more than a third of session.timeout.ms, so that one that is lost or late does not throw the consumer out. The article found a mistake in it by injecting a delay.",
    sources: ["https://kafka.apache.org/documentation/#consumerconfigs", "the article, chapter 5"],
    fix: "Lower heartbeat.interval.ms, or raise session.timeout.ms.",
    needs: ["static"],
  },
  check(context) {
    for (const consumer of serversOf(context, "kafka").filter(isConsumer)) {
      const session = wholeNumber(consumer.valueOr("session.timeout.ms", "45000"));
      const heartbeat = wholeNumber(consumer.valueOr("heartbeat.interval.ms", "3000"));
      if (session === undefined || heartbeat === undefined || heartbeat * 3 <= session) continue;
      const severity = heartbeat >= session ? "error" : "warning";
      const message = `${consumer.name}: heartbeat.interval.ms is ${heartbeat}, more than a third of session.timeout.ms, ${session}`;
      context.report({ ...consumer.at("heartbeat.interval.ms"), message, severity });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "group.id": "g", "session.timeout.ms": "30000", "heartbeat.interval.ms": "10000" }),
      },
      { code: "extends: snowshed:recommended", facts: factsOf("kafka", { "group.id": "g" }) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "group.id": "g", "session.timeout.ms": "6000", "heartbeat.interval.ms": "3000" }),
        errors: [{ path: "files.kafka.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "group.id": "g", "session.timeout.ms": "3000", "heartbeat.interval.ms": "3000" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

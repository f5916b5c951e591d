import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isProducer, serversOf } from "../../audit/servers.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-ordered-retries",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "Retries can change the order of messages",
    rationale:
      "More than five requests in flight at once cannot be ordered by the idempotent producer, and without idempotence more than one cannot: a retried batch lands after its successor.",
    sources: ["https://kafka.apache.org/documentation/#producerconfigs"],
    fix: "max.in.flight.requests.per.connection=5 or less with enable.idempotence=true, 1 without.",
    needs: ["static"],
  },
  check(context) {
    const isOrdered = workloadsOn(context.config, "kafka").some(({ ordering }) => ordering === "strict");
    for (const producer of serversOf(context, "kafka").filter(isProducer)) {
      const inFlight = wholeNumber(producer.valueOr("max.in.flight.requests.per.connection", "5"));
      const isIdempotent = producer.valueOr("enable.idempotence", "true")?.toLowerCase() === "true";
      if (!isOrdered || inFlight === undefined || inFlight <= (isIdempotent ? 5 : 1)) continue;
      const how = isIdempotent ? "with" : "without";
      context.report({
        ...producer.at("max.in.flight.requests.per.connection"),
        message: `${producer.name}: ${inFlight} requests in flight ${how} idempotence: a retry can pass what came before it`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
        facts: factsOf("kafka", { acks: "all" }),
      },
    ],
    invalid: [
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
        facts: factsOf("kafka", { acks: "all", "max.in.flight.requests.per.connection": "6" }),
        errors: [{ path: "files.kafka.0" }],
      },
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
        facts: factsOf("kafka", { "enable.idempotence": "false" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

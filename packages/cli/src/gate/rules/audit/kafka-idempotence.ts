import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isProducer, serversOf } from "../../audit/servers.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-idempotence",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "A producer whose retries make duplicates",
    rationale:
      "Without idempotence a batch whose answer was lost is written again, and may pass one that came after it. The Java client has it on since 3.0; kafkajs and librdkafka do not unless told.",
    sources: [
      "the article, chapter 5",
      "https://kafka.apache.org/documentation/#producerconfigs",
      "https://kafka.js.org/docs/producing",
    ],
    fix: "idempotent: true (kafkajs), enable.idempotence=true (Java, librdkafka), with acks=all.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, delivery } of workloadsOn(context.config, "kafka")) {
      if (delivery === undefined) {
        context.report({
          path,
          message: `${name}: delivery is not declared: is the producer idempotent, and what removes duplicates?`,
        });
      } else if (!delivery.idempotentProducer) {
        context.report({
          path: [...path, "delivery", "idempotentProducer"],
          message: `${name}: the producer is not idempotent: its retries are written twice`,
        });
      }
    }
    for (const producer of serversOf(context, "kafka").filter(isProducer)) {
      if (producer.value("enable.idempotence")?.toLowerCase() !== "false") continue;
      context.report({
        ...producer.at("enable.idempotence"),
        message: `${producer.name}: enable.idempotence is false: retries are written twice`,
      });
    }
  },
  tests: {
    valid: [
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: etcd } }",
    ],
    invalid: [
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: false, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
        errors: [{ path: "workloads.w.delivery.idempotentProducer" }],
      },
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka } }",
        errors: [{ path: "workloads.w" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "enable.idempotence": "false" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

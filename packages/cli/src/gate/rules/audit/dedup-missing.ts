import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/dedup-missing",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "Nothing removes the duplicates of at-least-once delivery",
    rationale:
      "A consumer that did its work and died before it committed gets the message again. The idempotent producer does not help: it covers the retries of one producer session only. The article went from 12.7 % to 0.03 % duplicates with a table.",
    sources: ["the article, chapter 5", "https://kafka.apache.org/documentation/#consumerconfigs"],
    fix: "A table with a unique key in the transaction of the effect (snowshed/postgres, snowshed/kafka), declared as delivery.dedup.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, delivery } of workloadsOn(context.config, "kafka")) {
      if (delivery === undefined || delivery.dedup !== undefined) continue;
      context.report({
        path: [...path, "delivery"],
        message: `${name}: delivery is at least once, and nothing removes what comes twice`,
      });
    }
  },
  tests: {
    valid: [
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
    ],
    invalid: [
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true } } }",
        errors: [{ path: "workloads.w.delivery" }],
      },
    ],
  },
});

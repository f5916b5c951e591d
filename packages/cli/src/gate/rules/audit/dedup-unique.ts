import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/dedup-unique",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "The key of the deduplication table is too narrow",
    rationale:
      "The article makes trace_id, event_type and timestamp unique together. Without one of them different events are taken for one, and dropped.",
    sources: ["the article, chapter 5"],
    fix: "unique: [trace_id, event_type, timestamp], or the id of an event that its producer minted.",
    needs: ["static"],
  },
  check(context) {
    for (const [name, { delivery }] of Object.entries(context.config.workloads)) {
      const unique = delivery?.dedup?.unique;
      if (unique === undefined) continue;
      // One id that was made for the event is as good, except to the letter of the article.
      if (
        context.preset.name !== "article" &&
        unique.some((column) => /(?:event|message|idempotency)_?(?:id|key)$/i.test(column))
      )
        continue;
      const missing = context.preset.dedupUnique.filter((column) => !unique.includes(column));
      if (missing.length === 0) continue;
      context.report({
        path: ["workloads", name, "delivery", "dedup", "unique"],
        message: `${name}: the unique key lacks ${missing.join(", ")}`,
      });
    }
  },
  tests: {
    valid: [
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [event_id], timestampSource: event } } } }",
    ],
    invalid: [
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type], timestampSource: event } } } }",
        errors: [{ path: "workloads.w.delivery.dedup.unique" }],
      },
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [event_id], timestampSource: event } } } }",
        preset: "article",
        errors: [{ path: "workloads.w.delivery.dedup.unique" }],
      },
    ],
  },
});

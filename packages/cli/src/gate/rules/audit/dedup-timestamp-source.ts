import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/dedup-timestamp-source",
    stage: "audit",
    severity: "error",
    origin: "measured",
    title: "The timestamp of the key is taken anew at each send",
    rationale:
      "A key with the time of sending is another one at every retry: each duplicate gets through. The time must be that of the event, minted once and carried in the message.",
    sources: ["the article, chapter 5"],
    fix: "timestampSource: event, and no Date.now() where the message is sent.",
    needs: ["static"],
  },
  check(context) {
    for (const [name, { delivery }] of Object.entries(context.config.workloads)) {
      const dedup = delivery?.dedup;
      if (dedup === undefined || !dedup.unique.some((column) => /time|_ts$|_at$/i.test(column))) continue;
      const path = ["workloads", name, "delivery", "dedup"];
      if (dedup.timestampSource === "send") {
        context.report({
          path: [...path, "timestampSource"],
          message: `${name}: with the time of sending in its key every retry is a new event`,
        });
      } else if (dedup.timestampSource === undefined) {
        context.report({
          path,
          message: `${name}: it is not declared whose time is in the key: event or send`,
          severity: "warning",
        });
      }
    }
  },
  tests: {
    valid: [
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } } }",
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [event_id] } } } }",
    ],
    invalid: [
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: send } } } }",
        errors: [{ path: "workloads.w.delivery.dedup.timestampSource" }],
      },
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp] } } } }",
        errors: [{ path: "workloads.w.delivery.dedup" }],
      },
    ],
  },
});

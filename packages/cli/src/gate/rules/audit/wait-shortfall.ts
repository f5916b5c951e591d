import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-shortfall",
    stage: "audit",
    severity: "error",
    origin: "measured",
    title: "What WAIT answers is not acted upon",
    rationale:
      "WAIT is no error when fewer replicas than asked for have the write: it returns their number, and the value stays. The caller has to compare, and to undo or compensate.",
    sources: ["https://redis.io/docs/latest/commands/wait/", "the article, chapter 5"],
    fix: "Compare the number; on a shortfall delete the key if it is still yours, and fail. Declare onShortfall: compensate.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, write } of workloadsOn(context.config, "redis")) {
      if (write?.wait === undefined || write.wait.onShortfall === "compensate") continue;
      const how = write.wait.onShortfall === undefined ? "is not declared" : "is to ignore it";
      context.report({
        path: [...path, "write", "wait"],
        message: `${name}: what happens when WAIT falls short ${how}: the value stays, unconfirmed`,
      });
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: ignore, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.wait" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.wait" }],
      },
    ],
  },
});

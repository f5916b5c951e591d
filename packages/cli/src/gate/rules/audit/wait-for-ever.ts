import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-for-ever",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "WAIT without a timeout",
    rationale:
      "WAIT n 0 blocks until as many replicas have it: for ever if one is gone. All that is sent on that connection waits with it.",
    sources: ["https://redis.io/docs/latest/commands/wait/"],
    fix: "Give write.wait.timeoutMs a value.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, write } of workloadsOn(context.config, "redis")) {
      if (write?.wait?.timeoutMs !== 0) continue;
      context.report({
        path: [...path, "write", "wait", "timeoutMs"],
        message: `${name}: WAIT with a timeout of 0 waits for ever once a replica is gone`,
      });
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 0, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.wait.timeoutMs" }],
      },
    ],
  },
});

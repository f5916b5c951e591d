import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-same-connection",
    stage: "audit",
    severity: "error",
    origin: "measured",
    title: "WAIT on another connection than the write",
    rationale:
      "WAIT is about the writes of its own connection. On another one of the pool it answers at once with all replicas, measured with both replicas frozen; in MULTI it does not wait, in Lua it is an error.",
    sources: ["https://redis.io/docs/latest/commands/wait/"],
    fix: "Take one connection from the pool for SET and WAIT, nobody else on it meanwhile. Declare sameConnection: true.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, write } of workloadsOn(context.config, "redis")) {
      if (write?.wait === undefined || write.wait.sameConnection === true) continue;
      context.report({
        path: [...path, "write", "wait"],
        message: `${name}: it is not declared that WAIT goes over the connection of the write: on another it confirms nothing`,
      });
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: false } } } }',
        errors: [{ path: "workloads.w.write.wait" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate } } } }',
        errors: [{ path: "workloads.w.write.wait" }],
      },
    ],
  },
});

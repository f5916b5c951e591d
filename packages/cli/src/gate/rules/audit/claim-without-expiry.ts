import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { setOf } from "../../audit/set-command.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/claim-without-expiry",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "A claim that never ends",
    rationale:
      "A holder that dies between SET NX and DEL leaves its key for ever, and nobody gets it again. EXPIRE as a second command can be lost in between.",
    sources: ["https://redis.io/docs/latest/commands/set/", "the article, chapter 5"],
    fix: "SET key value EX 30 NX, in one command.",
    needs: ["static"],
  },
  check(context) {
    for (const workload of workloadsOn(context.config, "redis")) {
      const set = setOf(workload);
      const isOld = /^SETNX\b/i.test(workload.write?.command.trim() ?? "");
      if (!isOld && (set === undefined || !set.isConditional || set.expires)) continue;
      context.report({
        path: [...workload.path, "write", "command"],
        message: `${workload.name}: ${workload.write?.command} has no expiry: a holder that dies keeps it for ever`,
      });
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v PX 30000 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.command" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SETNX k v", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.command" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET EX v NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.command" }],
      },
    ],
  },
});

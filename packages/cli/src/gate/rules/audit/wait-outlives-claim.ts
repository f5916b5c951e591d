import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { setOf } from "../../audit/set-command.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-outlives-claim",
    stage: "audit",
    severity: "error",
    origin: "measured",
    title: "The claim may end while WAIT still waits",
    rationale:
      "The key expires on the master from the moment of the SET. If WAIT may take as long as that, it can confirm a claim that is over and that somebody else holds.",
    sources: ["https://redis.io/docs/latest/commands/set/", "https://redis.io/docs/latest/commands/wait/"],
    fix: "Make the expiry several times the timeout of WAIT.",
    needs: ["static"],
  },
  check(context) {
    for (const workload of workloadsOn(context.config, "redis")) {
      const expiry = setOf(workload)?.expiresAfter;
      const timeoutMs = workload.write?.wait?.timeoutMs;
      if (expiry === undefined || timeoutMs === undefined || timeoutMs < expiry) continue;
      context.report({
        path: [...workload.path, "write", "wait", "timeoutMs"],
        message: `${workload.name}: the key is gone after ${expiry} ms, and WAIT may take ${timeoutMs} ms`,
      });
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 5 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.wait.timeoutMs" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "set k v px 100 nx", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.wait.timeoutMs" }],
      },
    ],
  },
});

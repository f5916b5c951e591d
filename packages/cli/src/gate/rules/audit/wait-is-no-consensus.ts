import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-is-no-consensus",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "WAIT taken for consensus",
    rationale:
      "WAIT makes the loss of a write less likely. It does not make Redis linearizable: a replica without the write can still be promoted, and a master that was cut off keeps answering. Measured: two holders of one lock.",
    sources: [
      "https://redis.io/docs/latest/commands/wait/",
      "https://redis.io/docs/latest/operate/oss_and_stack/management/replication/",
    ],
    fix: "Use etcd, or Postgres, or a fencing token that the resource checks; or declare consistency: eventual.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, consistency, store } of workloadsOn(context.config, "redis")) {
      if (consistency !== "linearizable") continue;
      // The article draws its boundary with WAIT, and says so.
      const severity = context.preset.name === "article" ? "info" : "warning";
      const message = `${name}: linearizable on ${store} cannot be had: replication is asynchronous, and WAIT is no consensus`;
      context.report({ path: [...path, "consistency"], message, severity });
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: linearizable, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.consistency" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: linearizable, store: redis-cluster, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        preset: "article",
        errors: [{ path: "workloads.w.consistency" }],
      },
    ],
  },
});

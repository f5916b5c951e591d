import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { claims, workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-missing",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "A claim in Redis that no replica has confirmed",
    rationale:
      "SET … NX is answered by the master alone. If it is lost before a replica has the key, the replica that takes over grants the same claim again: two holders. The article runs WAIT 3 5000 right after it.",
    sources: [
      "the article, chapter 5",
      "https://redis.io/docs/latest/commands/wait/",
      "https://redis.io/docs/latest/operate/oss_and_stack/management/replication/",
    ],
    fix: "Declare write.wait, and run WAIT on the same connection right after the SET.",
    needs: ["static"],
  },
  check(context) {
    for (const workload of workloadsOn(context.config, "redis")) {
      if (!claims(workload) || workload.write?.wait !== undefined) continue;
      const message = `${workload.name}: ${workload.write?.command} is claimed without WAIT: a failover can grant it twice`;
      context.report({ path: [...workload.path, "write"], message });
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30" } } }',
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, write: { command: "SET nx:k nx EX 30" } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX" } } }',
        errors: [{ path: "workloads.w.write" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, write: { command: "SETNX k v" } } }',
        errors: [{ path: "workloads.w.write" }],
      },
    ],
  },
});

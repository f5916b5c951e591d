import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-replicas-exceed-topology",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "WAIT asks for more replicas than there are",
    rationale:
      "WAIT then blocks for its whole timeout on every write, and answers with fewer: measured 5074 ms for WAIT 3 5000 with two replicas.",
    sources: ["https://redis.io/docs/latest/commands/wait/", "the article, chapter 5"],
    fix: "Lower write.wait.replicas, or add replicas.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, write, topology } of workloadsOn(context.config, "redis")) {
      const wanted = write?.wait?.replicas;
      if (wanted === undefined) continue;
      if (topology === undefined) {
        context.skip(`${name}: topology.replicas is not declared, so that WAIT ${wanted} cannot be judged`);
      } else if (wanted > topology.replicas) {
        const message = `${name}: WAIT ${wanted} with ${topology.replicas} replicas waits ${write?.wait?.timeoutMs ?? 0} ms on every write, and falls short`;
        context.report({
          path: [...path, "write", "wait", "replicas"],
          message,
          data: { have: topology.replicas, want: wanted },
        });
      }
    }
  },
  tests: {
    valid: [
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 2 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.wait.replicas" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 2 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        preset: "article",
        errors: [{ path: "workloads.w.write.wait.replicas" }],
      },
    ],
  },
});

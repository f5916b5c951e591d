import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/wait-below-preset",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "WAIT is weaker than the preset asks for",
    rationale:
      "The article waits for 3 replicas and at most 5 s. Fewer replicas survive fewer failures; a longer wait blocks the caller longer than it can use.",
    sources: ["the article, chapter 5", "https://redis.io/docs/latest/commands/wait/"],
    fix: "WAIT 3 5000. Preset recommended only asks that it be no longer than 5 s.",
    needs: ["static"],
  },
  check(context) {
    const { replicas, timeoutMs } = context.preset.wait;
    const isArticle = context.preset.name === "article";
    for (const { name, path, write } of workloadsOn(context.config, "redis")) {
      const wait = write?.wait;
      if (wait === undefined) continue;
      const at = [...path, "write", "wait"];
      if (isArticle && wait.replicas < replicas) {
        context.report({
          path: [...at, "replicas"],
          message: `${name}: WAIT ${wait.replicas} confirms fewer than ${replicas} replicas`,
        });
      }
      if (wait.timeoutMs > timeoutMs) {
        const severity = isArticle ? "error" : "warning";
        context.report({
          path: [...at, "timeoutMs"],
          message: `${name}: WAIT blocks for up to ${wait.timeoutMs} ms, more than ${timeoutMs}`,
          severity,
        });
      }
    }
  },
  tests: {
    valid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        preset: "article",
      },
      'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 1, timeoutMs: 500, onShortfall: compensate, sameConnection: true } } } }',
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 2, timeoutMs: 5001, onShortfall: compensate, sameConnection: true } } } }',
        preset: "article",
        errors: [{ path: "workloads.w.write.wait.replicas" }, { path: "workloads.w.write.wait.timeoutMs" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 2, timeoutMs: 5001, onShortfall: compensate, sameConnection: true } } } }',
        errors: [{ path: "workloads.w.write.wait.timeoutMs" }],
      },
    ],
  },
});

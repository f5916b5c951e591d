import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { claims, workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-persistence",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Redis forgets claims and streams when it starts again",
    rationale:
      "Without AOF and without snapshots a restart begins empty, and replicas that follow become empty with it. A master that a supervisor restarts at once wipes the data set of all.",
    sources: [
      "https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/",
      "https://redis.io/docs/latest/operate/oss_and_stack/management/replication/",
    ],
    fix: "appendonly yes, with appendfsync everysec or always.",
    needs: ["static"],
  },
  check(context) {
    const important = workloadsOn(context.config, "redis").find(
      (workload) => claims(workload) || workload.store === "redis-streams",
    );
    if (important === undefined) return;
    for (const server of serversOf(context, "redis")) {
      const saves = server.facts.filter(({ name }) => name === "save").map(({ value }) => value);
      // `save ""` takes back what came before it; without any `save` Redis has snapshots by default.
      const isOff = saves.length > 0 && saves.at(-1) === "";
      if (!isOff || server.valueOr("appendonly", "no")?.toLowerCase() !== "no") continue;
      context.report({
        ...server.at("save"),
        message: `${server.name}: neither appendonly nor save: a restart forgets what ${important.name} wrote`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { save: "", appendonly: "yes" }),
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { save: "900 1" }),
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", {}),
      },
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { save: "" }),
        errors: [{ path: "files.redis.0" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { isReplica, serversOf } from "../../audit/servers.ts";
import { claims, workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-min-replicas",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "A master that was cut off goes on taking writes",
    rationale:
      "Without min-replicas-to-write a master on the wrong side of a partition accepts writes that are thrown away when it comes back as a replica.",
    sources: [
      "https://redis.io/docs/latest/operate/oss_and_stack/management/replication/",
      "https://github.com/redis/redis/blob/7.2/redis.conf",
    ],
    fix: "min-replicas-to-write 1 and min-replicas-max-lag 10 where writes must not be lost.",
    needs: ["static"],
  },
  check(context) {
    const important = workloadsOn(context.config, "redis").find(
      (workload) => workload.write?.wait !== undefined || claims(workload) || workload.consistency === "linearizable",
    );
    if (important === undefined) return;
    const servers = serversOf(context, "redis").filter((server) => !isReplica(server));
    if (servers.length === 0) context.skip("min-replicas-to-write is not known: no file of Redis is named");
    for (const server of servers) {
      const name =
        server.has("min-replicas-to-write") || !server.has("min-slaves-to-write")
          ? "min-replicas-to-write"
          : "min-slaves-to-write";
      if (wholeNumber(server.valueOr(name, "0")) !== 0) continue;
      context.report({
        ...server.at(name),
        message: `${server.name}: ${name} is 0: cut off from its replicas it still takes the writes of ${important.name}`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { "min-replicas-to-write": "1" }),
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, write: { command: "SET k v EX 30 NX" } } }',
        facts: factsOf("redis", { "min-replicas-to-write": "0", replicaof: "10.0.0.1 6379" }),
        live: liveFactsOf("redis", { "min-replicas-to-write": "0", replicaof: "", "info.role": "slave" }),
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v" } } }',
        facts: factsOf("redis", { "min-replicas-to-write": "0" }),
      },
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", {}),
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { "min-replicas-to-write": "0" }),
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, write: { command: "SET k v EX 30 NX" } } }',
        live: liveFactsOf("redis", { "min-replicas-to-write": "0", replicaof: "", "info.role": "master" }),
        errors: [{ path: "connections.redis" }],
      },
    ],
  },
});

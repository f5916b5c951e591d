import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { claims, workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-eviction-policy",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "Redis may evict locks and marks",
    rationale:
      "Every policy but noeviction removes keys when memory is full: allkeys-* any, volatile-* those with an expiry, which a claim has. A lock that is evicted is granted again, a mark that is evicted lets a duplicate through.",
    sources: [
      "https://redis.io/docs/latest/develop/reference/eviction/",
      "https://github.com/redis/redis/blob/7.2/redis.conf",
    ],
    fix: "maxmemory-policy noeviction for the server that holds claims; caches on another one.",
    needs: ["static"],
  },
  check(context) {
    const claim = workloadsOn(context.config, "redis").find(claims);
    if (claim === undefined) return;
    const servers = serversOf(context, "redis");
    if (servers.length === 0) context.skip("maxmemory-policy is not known: no file of Redis is named");
    for (const server of servers) {
      const policy = server.valueOr("maxmemory-policy", "noeviction")?.toLowerCase();
      if (policy === undefined || policy === "noeviction") continue;
      const message = `${server.name}: maxmemory-policy is ${policy}, which can evict what ${claim.name} claims`;
      context.report({ ...server.at("maxmemory-policy"), message });
    }
  },
  tests: {
    valid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { "maxmemory-policy": "noeviction" }),
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { "maxmemory-policy": "allkeys-lru" }),
      },
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { "maxmemory-policy": "allkeys-lru" }),
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        facts: factsOf("redis", { "maxmemory-policy": "volatile-ttl" }),
        errors: [{ path: "files.redis.0" }],
      },
    ],
  },
});

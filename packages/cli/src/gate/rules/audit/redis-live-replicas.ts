import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-live-replicas",
    stage: "audit",
    severity: "error",
    origin: "measured",
    title: "Redis has fewer replicas than were declared",
    rationale: "The consistency of WAIT was judged by topology.replicas. The running master has fewer.",
    sources: [
      "https://redis.io/docs/latest/commands/wait/",
      "https://redis.io/docs/latest/operate/oss_and_stack/management/replication/",
    ],
    fix: "Bring the replicas back, or declare what there is.",
    needs: ["live"],
  },
  check(context) {
    const masters = serversOf(context, "redis").filter(
      (server) => server.isLive && server.value("info.role") === "master",
    );
    const workloads = workloadsOn(context.config, "redis").filter(({ topology }) => topology !== undefined);
    if (workloads.length > 0 && masters.length === 0) context.skip("no master of Redis was asked");
    for (const { name, path, topology } of workloads) {
      for (const master of masters) {
        const connected = wholeNumber(master.value("info.connected_slaves")) ?? 0;
        if (topology === undefined || connected >= topology.replicas) continue;
        context.report({
          path: [...path, "topology", "replicas"],
          message: `${name}: ${topology.replicas} replicas are declared, and ${master.name} has ${connected}`,
        });
      }
    }
  },
  tests: {
    valid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        live: liveFactsOf("redis", { "info.role": "master", "info.connected_slaves": "3" }),
      },
    ],
    invalid: [
      {
        code: 'workloads: { w: { writesPerSecond: 10, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 }, write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } } }',
        live: liveFactsOf("redis", { "info.role": "master", "info.connected_slaves": "2" }),
        errors: [{ path: "workloads.w.topology.replicas" }],
      },
    ],
  },
});

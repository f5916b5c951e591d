import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import type { Server } from "../../audit/servers.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isBroker, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/contradictory-settings",
    stage: "audit",
    severity: "warning",
    origin: "measured",
    title: "A setting has two values",
    rationale:
      "Of a setting that is given twice the last one holds, and whoever reads the first is wrong. Servers that take over from each other with different limits change the behaviour at the worst moment.",
    sources: [
      "https://github.com/redis/redis/blob/7.2/redis.conf",
      "https://redis.io/docs/latest/operate/oss_and_stack/management/replication/",
    ],
    fix: "Keep one of them.",
    needs: ["static"],
  },
  check(context) {
    const repeatable =
      /^(?:save|include|user|loadmodule|rename-command|client-output-buffer-limit|sentinel|oom-score-adj-values|bind|\(.*\)|environment|listen-.*-urls)$/;
    const mustAgree: Readonly<Record<string, readonly string[]>> = {
      redis: [
        "maxmemory",
        "maxmemory-policy",
        "maxclients",
        "min-replicas-to-write",
        "min-replicas-max-lag",
        "appendonly",
      ],
      kafka: [
        "min.insync.replicas",
        "default.replication.factor",
        "unclean.leader.election.enable",
        "message.max.bytes",
      ],
      etcd: ["quota-backend-bytes", "max-request-bytes", "initial-cluster-token"],
      kernel: ["vm.swappiness", "vm.overcommit_memory", "vm.max_map_count", "fs.file-max"],
    };
    for (const [subject, names] of Object.entries(mustAgree)) {
      const servers = serversOf(context, subject).filter((server) => !server.isLive);
      for (const server of servers) {
        const before = new Map<string, (typeof server.facts)[number]>();
        for (const fact of server.facts) {
          const first = before.get(fact.name);
          if (first !== undefined && first.value !== fact.value && !repeatable.test(fact.name)) {
            const message = `${server.name}: ${fact.name} is ${first.value} at ${first.file}:${first.line} and ${fact.value} at ${fact.file}:${fact.line}: the last one holds`;
            context.report({ ...server.at(fact.name), message });
          }
          before.set(fact.name, fact);
        }
      }
      for (const name of names) {
        const [first, ...others] = servers.filter(
          (server) => server.has(name) && isPlain(server) && (subject !== "kafka" || isBroker(server)),
        );
        for (const other of others) {
          if (other.value(name) === first!.value(name)) continue;
          const [there, here] = [first!.get(name)!, other.get(name)!];
          const message = `${name} is ${there.value} at ${there.file}:${there.line} and ${here.value} at ${here.file}:${here.line}`;
          context.report({ ...other.at(name), message });
        }
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: [
          ...factsOf("redis", { maxmemory: "1gb", port: "1" }, "a"),
          ...factsOf("redis", { maxmemory: "1gb", port: "2" }, "b"),
        ],
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: [...factsOf("redis", { maxmemory: "1gb" }, "a"), ...factsOf("redis", { maxmemory: "2gb" }, "b")],
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: [...factsOf("kernel", { "vm.swappiness": "1" }), ...factsOf("kernel", { "vm.swappiness": "60" })],
        errors: [{ path: "kernel.from" }],
      },
    ],
  },
});

/** The services of a compose file or of a cluster may be anything to each other. */
function isPlain({ facts }: Server): boolean {
  return !["compose", "kubernetes"].includes(String(facts[0]?.path?.[1]));
}

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/pool-exceeds-maxclients",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "More connections than the server accepts",
    rationale:
      "Beyond maxclients Redis answers each new connection with an error and closes it. Replicas, Sentinels and operators count as well, so 32 are kept free.",
    sources: [
      "https://redis.io/docs/latest/develop/reference/clients/",
      "https://github.com/redis/redis/blob/7.2/redis.conf",
    ],
    fix: "Lower perProcess, or raise maxclients together with the limit of open files of the server.",
    needs: ["static"],
  },
  check(context) {
    const connections = connectionsOf(context.config, "redis");
    if (connections.length === 0) return;
    const known = serversOf(context, "redis").flatMap((server) => {
      const most = wholeNumber(server.valueOr("maxclients", "10000"));
      return most === undefined ? [] : [{ name: server.name, most }];
    });
    if (known.length === 0) context.skip("maxclients is not known: no file of Redis is named");
    const [tightest] = known.toSorted((a, b) => a.most - b.most);
    for (const { name, path, total } of connections) {
      if (tightest === undefined || total <= tightest.most - 32) continue;
      const message = `${name}: ${total} connections in all, and ${tightest.name} accepts ${tightest.most} (maxclients), of which 32 stay free for replicas and operators`;
      context.report({ path: [...path, "perProcess"], message, data: { total, maxclients: tightest.most } });
    }
  },
  tests: {
    valid: [
      {
        code: "connections: { redis: { max: 200, perProcess: 10, processes: 10 } }",
        facts: factsOf("redis", { maxclients: "200" }),
      },
      { code: "connections: { redis: { max: 200, perProcess: 10, processes: 10 } }", facts: factsOf("redis", {}) },
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 200, perProcess: 10, processes: 18 } }",
        facts: factsOf("redis", { maxclients: "200" }),
        errors: [{ path: "connections.redis.perProcess" }],
      },
      {
        code: "connections: { redis: { max: 20000, perProcess: 10, processes: 1000 } }",
        facts: factsOf("redis", {}),
        errors: [{ path: "connections.redis.perProcess" }],
      },
    ],
  },
});

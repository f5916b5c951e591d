import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { redisBytes } from "../../audit/amounts.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/live-differs-from-file",
    stage: "audit",
    severity: "warning",
    origin: "measured",
    title: "The running server has another setting than its file",
    rationale:
      "Somebody ran CONFIG SET, or the file was changed and not loaded: the next restart changes the behaviour.",
    sources: ["https://github.com/redis/redis/blob/7.2/redis.conf"],
    fix: "CONFIG REWRITE, or restart the server with its file.",
    needs: ["live"],
  },
  check(context) {
    const compared = [
      "maxmemory",
      "maxmemory-policy",
      "maxclients",
      "min-replicas-to-write",
      "appendonly",
      "timeout",
      "tcp-keepalive",
    ];
    const servers = serversOf(context, "redis");
    const files = servers.filter((server) => !server.isLive);
    // Of several files nobody knows which one a server was started with.
    if (files.length > 1)
      context.skip("several files of Redis are named: it is not known which of them a running server has");
    const [file] = files.length === 1 ? files : [];
    for (const server of servers.filter(({ isLive }) => isLive)) {
      for (const name of compared) {
        const [running, written] = [server.value(name), file?.value(name)];
        if (running === undefined || written === undefined || running === written) continue;
        const [left, right] = [redisBytes(running), redisBytes(written)];
        if (left !== undefined && left === right) continue;
        const fact = file!.at(name);
        context.report({
          ...fact,
          message: `${server.name} runs with ${name} ${running}, and its file has ${written}`,
        });
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { maxmemory: "1mb" }),
        live: liveFactsOf("redis", { maxmemory: "1048576" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { maxmemory: "1mb" }),
        live: liveFactsOf("redis", { maxmemory: "0" }),
        errors: [{ path: "files.redis.0" }],
      },
    ],
  },
});

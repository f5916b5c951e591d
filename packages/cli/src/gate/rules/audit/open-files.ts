import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/open-files",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "The limit of open files is below what the server needs",
    rationale:
      "Redis takes one file handle for each client and 32 for itself; with fewer it lowers maxclients when it starts. Kafka asks for at least 100000. RLIMIT_NOFILE ends a process long before fs.file-max does.",
    sources: ["https://redis.io/docs/latest/develop/reference/clients/", "https://kafka.apache.org/documentation/#os"],
    fix: "Raise ulimits.nofile of the service (LimitNOFILE in systemd).",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      const files = wholeNumber(server.value("limit.nofile"));
      const clients = wholeNumber(server.value("maxclients") ?? "10000") ?? 0;
      if (files === undefined || files < 0 || files >= clients + 32) continue;
      const message = `${server.name}: ${files} open files for ${clients} clients (maxclients) and 32 of its own`;
      context.report({ ...server.at("limit.nofile"), message });
    }
    for (const server of serversOf(context, "kafka")) {
      const files = wholeNumber(server.value("limit.nofile"));
      if (files === undefined || files < 0 || files >= 100_000) continue;
      const message = `${server.name}: ${files} open files, and a broker needs 100000 or more`;
      context.report({ ...server.at("limit.nofile"), message, severity: "warning" });
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", facts: factsOf("redis", { "limit.nofile": "10032" }) },
      { code: "extends: snowshed:recommended", facts: factsOf("kafka", { "limit.nofile": "100000" }) },
      { code: "extends: snowshed:recommended", facts: factsOf("redis", {}) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { "limit.nofile": "1024" }),
        errors: [{ path: "files.redis.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "limit.nofile": "65536" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

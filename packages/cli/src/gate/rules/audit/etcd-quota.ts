import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { bytesText } from "../../audit/amounts.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-quota",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "The quota of etcd is beyond what it is made for",
    rationale:
      "Beyond quota-backend-bytes etcd takes no writes until somebody compacts, defragments and disarms the alarm. The default is 2 GiB, and 8 GiB the suggested maximum: a member with more takes minutes to start and to catch up.",
    sources: ["https://etcd.io/docs/v3.5/dev-guide/limit/", "https://etcd.io/docs/v3.5/op-guide/maintenance/"],
    fix: "quota-backend-bytes of 8589934592 or less.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "etcd")) {
      const quota = Number(
        server.value("quota-backend-bytes") ?? server.value("metric.etcd_server_quota_backend_bytes") ?? 0,
      );
      const setting = server.has("quota-backend-bytes")
        ? "quota-backend-bytes"
        : "metric.etcd_server_quota_backend_bytes";
      if (quota < 0) {
        context.report({
          ...server.at(setting),
          message: `${server.name}: quota-backend-bytes is negative, which is no quota at all: the disk is the limit`,
          severity: "error",
        });
      } else if (quota > 8 * 1024 ** 3) {
        context.report({
          ...server.at(setting),
          message: `${server.name}: quota-backend-bytes is ${bytesText(quota)}, more than the suggested 8 GiB`,
        });
      }
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", facts: factsOf("etcd", { "quota-backend-bytes": "8589934592" }) },
      { code: "extends: snowshed:recommended", facts: factsOf("etcd", {}) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "quota-backend-bytes": "8589934593" }),
        errors: [{ path: "files.etcd.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "quota-backend-bytes": "-1" }),
        errors: [{ path: "files.etcd.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("etcd", { "metric.etcd_server_quota_backend_bytes": "1e+10" }),
        errors: [{ path: "connections.etcd" }],
      },
    ],
  },
});

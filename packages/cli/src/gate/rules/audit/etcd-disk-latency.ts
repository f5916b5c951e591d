import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-disk-latency",
    stage: "audit",
    severity: "warning",
    origin: "article",
    title: "The disk of etcd is slow",
    rationale:
      "Every write waits for an fsync of the log. etcd asks for a p99 below 10 ms; the article's disk took 1.2 s, and the cluster refused writes for 23 minutes. p99 since the member started, by the buckets of /metrics.",
    sources: ["the article, chapter 5", "https://etcd.io/docs/v3.5/faq/"],
    fix: "A disk of its own, SSD; the alert rules of this gate watch it.",
    needs: ["live"],
  },
  check(context) {
    for (const server of serversOf(context, "etcd")) {
      for (const [name, most] of [
        ["wal-fsync", 0.01],
        ["backend-commit", 0.025],
      ] as const) {
        const seconds = Number(server.value(`p99.${name}-seconds`) ?? 0);
        const outage = context.preset.alerts[name === "wal-fsync" ? "etcdWalFsyncSeconds" : "etcdBackendCommitSeconds"];
        // The bounds of buckets double: the one above the goal is the first that says more.
        if (seconds <= 2 * most) continue;
        const severity = seconds > outage ? "error" : "warning";
        context.report({
          ...server.at(`p99.${name}-seconds`),
          message: `${server.name}: 99 % of ${name} take up to ${seconds * 1000} ms, and ${most * 1000} ms is the goal`,
          severity,
        });
      }
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("etcd", { "p99.wal-fsync-seconds": "0.008", "p99.backend-commit-seconds": "0.032" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("etcd", { "p99.wal-fsync-seconds": "0.064" }),
        errors: [{ path: "connections.etcd" }],
      },
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("etcd", { "p99.backend-commit-seconds": "2.048" }),
        errors: [{ path: "connections.etcd" }],
      },
    ],
  },
});

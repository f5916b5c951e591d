import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-one-channel",
    stage: "audit",
    severity: "info",
    origin: "vendor",
    title: "Several connections to etcd from one process",
    rationale:
      "gRPC carries all calls and watches of a client over one connection. More than one per process is often a client made for each request and never closed.",
    sources: ["https://etcd.io/docs/v3.5/tuning/", "https://etcd.io/docs/v3.5/op-guide/configuration/"],
    fix: "Share one etcd client in the process.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, perProcess } of connectionsOf(context.config, "etcd")) {
      if (perProcess <= 1) continue;
      const message = `${name}: ${perProcess} connections in each process, where one carries all calls`;
      context.report({ path: [...path, "perProcess"], message });
    }
  },
  tests: {
    valid: ["connections: { etcd: { max: 4, perProcess: 1, processes: 4 } }"],
    invalid: [
      {
        code: "connections: { etcd: { max: 8, perProcess: 2, processes: 4 } }",
        errors: [{ path: "connections.etcd.perProcess" }],
      },
    ],
  },
});

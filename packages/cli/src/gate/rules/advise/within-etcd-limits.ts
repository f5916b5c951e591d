import { etcdRequestBytes } from "../../advise/alternatives.ts";
import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

/** What a cluster of three with good disks was measured at by its authors is a few times this. */
const writes = 10_000;

export const rule: Rule = defineRule({
  meta: {
    id: "advise/within-etcd-limits",
    stage: "advise",
    severity: "warning",
    origin: "vendor",
    title: "What is kept in etcd fits etcd",
    rationale:
      "etcd refuses requests above 1.5 MiB, and each write is a consensus with a flush to disk on most members.",
    sources: ["https://etcd.io/docs/v3.6/dev-guide/limit/", "https://etcd.io/docs/v3.6/op-guide/performance/"],
    fix: "Keep the small thing that must be consistent in etcd, and the data elsewhere.",
    needs: ["static"],
  },
  check({ config, report }) {
    for (const [name, { store, valueBytes = 0, writesPerSecond }] of Object.entries(config.workloads)) {
      if (store !== "etcd") continue;
      if (valueBytes > etcdRequestBytes) {
        const message = `values of ${valueBytes} bytes: etcd refuses requests above ${etcdRequestBytes}`;
        report({ path: ["workloads", name, "valueBytes"], message, severity: "error" });
      }
      if (writesPerSecond > writes) {
        const message = `${writesPerSecond} writes per second: above about ${writes} etcd is not to be planned with`;
        report({ path: ["workloads", name, "writesPerSecond"], message });
      }
    }
  },
  tests: {
    valid: [
      "workloads: { a: { writesPerSecond: 10000, ordering: none, consistency: linearizable, store: etcd, valueBytes: 1572864 } }",
    ],
    invalid: [
      {
        code: "workloads: { a: { writesPerSecond: 10001, ordering: none, consistency: linearizable, store: etcd, valueBytes: 1572865 } }",
        errors: [{ path: "workloads.a.valueBytes" }, { path: "workloads.a.writesPerSecond" }],
      },
    ],
  },
});

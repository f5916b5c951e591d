import { alternativesTo } from "../../advise/alternatives.ts";
import { adviseOn, storeNames } from "../../advise/tree.ts";
import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "advise/store-is-the-leaf",
    stage: "advise",
    severity: "error",
    origin: "article",
    title: "The store is the one the decision tree leads to",
    rationale:
      "Stores are chosen by what the workload asks for, not by taste: a lock kept in Kafka was lost in a rebalance and sold goods twice.",
    sources: ["the article, chapter 5"],
    fix: "Use the store the tree leads to, or correct the answers; `snowshed gate advise --explain` draws the way.",
    needs: ["static"],
  },
  check({ config, preset, report }) {
    for (const [name, workload] of Object.entries(config.workloads)) {
      const { leaf } = adviseOn(workload, preset);
      const { store } = workload;
      if (store === leaf) continue;
      const path = ["workloads", name, "store"];
      const message = `the tree leads to ${storeNames[leaf]}, the file says ${storeNames[store]}`;
      const alternative = alternativesTo(workload, preset).find((each) => each.store === store);
      // The article knows four stores only.
      if (alternative === undefined || preset.name === "article") report({ path, message });
      else report({ path, severity: "info", message: `${message}, which also fits: ${alternative.reason}` });
    }
  },
  tests: {
    valid: [
      "workloads: { lock: { writesPerSecond: 800, ordering: none, consistency: linearizable, store: etcd } }",
      "workloads: { a: { writesPerSecond: 100000, ordering: none, consistency: eventual, store: redis-sentinel } }",
    ],
    invalid: [
      {
        code: "workloads: { lock: { writesPerSecond: 800, ordering: none, consistency: linearizable, store: kafka } }",
        errors: [{ path: "workloads.lock.store" }],
      },
      {
        code: "workloads: { jobs: { writesPerSecond: 800, ordering: strict, consistency: eventual, store: postgres } }",
        preset: "article",
        errors: [{ path: "workloads.jobs.store" }],
      },
    ],
  },
});

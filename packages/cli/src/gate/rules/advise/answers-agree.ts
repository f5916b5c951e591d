import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "advise/answers-agree",
    stage: "advise",
    severity: "error",
    origin: "measured",
    title: "What is declared does not contradict itself",
    rationale: "A contract that says two things is kept by nobody, and the tree answers only one of them.",
    sources: ["docs/gate-advise.md"],
    fix: "Take out the one that is not meant.",
    needs: ["static"],
  },
  check({ config, report }) {
    for (const [name, workload] of Object.entries(config.workloads)) {
      const { ordering, orderingScope, consistency, delivery, store, write } = workload;
      const at = (...rest: string[]): string[] => ["workloads", name, ...rest];
      if (orderingScope !== undefined && ordering === "none") {
        report({ path: at("orderingScope"), message: `orderingScope is ${orderingScope}, but ordering is none` });
      }
      if (delivery?.idempotentProducer === true && store !== "kafka") {
        const message = `idempotentProducer is a setting of Kafka's clients, but the store is ${store}`;
        report({ path: at("delivery", "idempotentProducer"), message });
      }
      if (write?.wait !== undefined && !store.startsWith("redis-")) {
        report({ path: at("write", "wait"), message: `WAIT is a command of Redis, but the store is ${store}` });
      }
      if (write?.wait?.onShortfall === "ignore" && consistency === "linearizable") {
        const message = "consistency is linearizable, but a write that reached too few replicas is ignored";
        report({ path: at("write", "wait", "onShortfall"), message });
      }
    }
  },
  tests: {
    valid: [
      "workloads: { a: { writesPerSecond: 120000, ordering: strict, orderingScope: key, consistency: eventual, store: kafka, delivery: { idempotentProducer: true } } }",
      "workloads: { a: { writesPerSecond: 1, ordering: none, consistency: eventual, store: redis-sentinel, write: { command: SET a b, wait: { replicas: 3, timeoutMs: 5000, onShortfall: ignore } } } }",
    ],
    invalid: [
      {
        code: "workloads: { a: { writesPerSecond: 1, ordering: none, orderingScope: global, consistency: eventual, store: redis-sentinel, delivery: { idempotentProducer: true } } }",
        errors: [{ path: "workloads.a.orderingScope" }, { path: "workloads.a.delivery.idempotentProducer" }],
      },
      {
        code: "workloads: { a: { writesPerSecond: 1, ordering: none, consistency: linearizable, store: etcd, write: { command: put, wait: { replicas: 3, timeoutMs: 5000, onShortfall: ignore } } } }",
        errors: [{ path: "workloads.a.write.wait" }, { path: "workloads.a.write.wait.onShortfall" }],
      },
    ],
  },
});

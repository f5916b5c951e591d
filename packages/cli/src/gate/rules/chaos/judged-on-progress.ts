import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

const experiment = (expected: string): string => `
chaos:
  experiments:
    - id: a
      steadyState: [{ probe: consumer-progress, brokers: [127.0.0.1:1], group: billing, topic: orders }]
      fault: { engine: embedded, target: 127.0.0.1:1, listen: 127.0.0.1:2, kind: latency, delayMs: 3000, durationS: 1 }
      faultSeen: { probe: broker-rtt, target: 127.0.0.1:2, minMs: 2500 }
      recover: { withinS: 90, expect: [${expected}] }
`;

const progress: ReadonlySet<unknown> = new Set(["consumer-progress", "lag-decreasing", "steady-state"]);

export const rule: Rule = defineRule({
  meta: {
    id: "chaos/judged-on-progress",
    stage: "chaos",
    severity: "error",
    origin: "measured",
    title: "A consumer group is judged on what it confirms, not on its state",
    rationale: "30 s of 3 s delay caused no rebalance at all: a group can be stable, and no message gets through.",
    sources: ["https://kafka.apache.org/documentation/#basic_ops_consumer_group"],
    fix: "Expect consumer-progress or lag-decreasing beside group-stable.",
    needs: ["static"],
  },
  check({ config, report }) {
    for (const [index, { id, recover, steadyState }] of (config.chaos.experiments ?? []).entries()) {
      const names = recover.expect.map((each) => (typeof each === "string" ? each : each.probe));
      const own = steadyState.filter(({ name, probe }) => names.includes(String(name)) && progress.has(probe));
      const isOfGroup = names.includes("group-stable");
      if (!isOfGroup || own.length > 0 || names.some((name) => progress.has(name))) continue;
      const path = ["chaos", "experiments", index, "recover", "expect"];
      report({ path, message: `${id} asks only whether the group is stable, which it is while nothing gets through` });
    }
  },
  tests: {
    valid: ["", experiment("group-stable, consumer-progress"), experiment("steady-state")],
    invalid: [{ code: experiment("group-stable"), errors: [{ path: "chaos.experiments.0.recover.expect" }] }],
  },
});

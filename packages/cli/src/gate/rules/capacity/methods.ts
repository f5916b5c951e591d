import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

const ramp = "ramp: { from: 10, to: 100, step: 10, reps: 5 }";
const throughput = `driver: redis-benchmark, target: redis://127.0.0.1, ${ramp}`;
const memory = `driver: memory, target: redis://127.0.0.1, ${ramp}`;

export const methods: Rule = defineRule({
  meta: {
    id: "capacity/methods",
    stage: "capacity",
    severity: "error",
    origin: "measured",
    title: "One method alone decides what the capacity is",
    rationale:
      "Kneedle finds a knee in almost any curve: of the same server it answered 2 clients in one run and 8 in another. A number that two methods do not agree on is a guess.",
    sources: ["docs/gate-capacity.md"],
    fix: "Name two methods that fit the driver (kneedle and usl; for memory kneedle and threshold), with minAgreement: 2.",
    needs: ["static"],
  },
  check({ config, report }) {
    for (const [name, { driver, knee }] of Object.entries(config.capacity)) {
      const usable = new Set(knee.methods.filter((method) => driver !== "memory" || method !== "usl"));
      if (usable.size < 2 || usable.size < knee.minAgreement) {
        const message = `of the methods of ${name}, ${usable.size === 1 ? "one fits" : `${usable.size} fit`} the driver ${driver}`;
        report({ path: ["capacity", name, "knee", "methods"], message });
      } else if (knee.minAgreement < 2) {
        const message = `${name} takes what a single method says`;
        report({ path: ["capacity", name, "knee", "minAgreement"], message });
      }
    }
  },
  tests: {
    valid: [
      `capacity: { a: { ${throughput}, knee: { methods: [kneedle, usl], minAgreement: 2 } } }`,
      `capacity: { a: { ${memory}, knee: { methods: [kneedle, threshold], minAgreement: 2 } } }`,
    ],
    invalid: [
      {
        code: `capacity: { a: { ${throughput}, knee: { methods: [kneedle], minAgreement: 1 } } }`,
        errors: [{ path: "capacity.a.knee.methods" }],
      },
      {
        code: `capacity: { a: { ${throughput}, knee: { methods: [kneedle, usl], minAgreement: 1 } } }`,
        errors: [{ path: "capacity.a.knee.minAgreement" }],
      },
      {
        code: `capacity: { a: { ${throughput}, knee: { methods: [kneedle, kneedle], minAgreement: 2 } } }`,
        errors: [{ path: "capacity.a.knee.methods" }],
      },
      {
        code: `capacity: { a: { ${memory}, knee: { methods: [kneedle, usl], minAgreement: 2 } } }`,
        errors: [{ path: "capacity.a.knee.methods" }],
      },
    ],
  },
});

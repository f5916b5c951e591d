import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { faultSubject } from "../../audit/fault-subject.ts";
import { factsOf } from "../../audit/given-facts.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/malformed-file",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "A file that its server would refuse",
    rationale:
      "A line that cannot be parsed keeps the server from starting, or is ignored without a word. What else the file says was judged all the same.",
    sources: [
      "https://github.com/redis/redis/blob/7.2/redis.conf",
      "https://kafka.apache.org/documentation/#brokerconfigs",
      "https://etcd.io/docs/v3.5/op-guide/configuration/",
    ],
    fix: "Correct the line.",
    needs: ["static"],
  },
  check(context) {
    for (const fact of context.facts) {
      if (fact.subject !== faultSubject) continue;
      context.report({ path: fact.path ?? ["files", fact.name], message: `${fact.name}: ${fact.value}`, at: fact });
    }
  },
  tests: {
    valid: [{ code: "extends: snowshed:recommended", facts: factsOf("redis", {}) }],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("fault", { redis: "quotes are not balanced" }).slice(1),
        errors: [{ path: "files.fault.0" }],
      },
    ],
  },
});

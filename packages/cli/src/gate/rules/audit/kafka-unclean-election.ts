import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isBroker, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-unclean-election",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "A replica that lags may become leader",
    rationale:
      "unclean.leader.election.enable=true prefers being there over keeping what was confirmed: messages that were acknowledged vanish, and offsets go back.",
    sources: ["https://kafka.apache.org/documentation/#brokerconfigs"],
    fix: "unclean.leader.election.enable=false (the default).",
    needs: ["static"],
  },
  check(context) {
    for (const broker of serversOf(context, "kafka").filter(isBroker)) {
      if (broker.value("unclean.leader.election.enable")?.toLowerCase() !== "true") continue;
      context.report({
        ...broker.at("unclean.leader.election.enable"),
        message: `${broker.name}: unclean.leader.election.enable is true: confirmed messages can be lost`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "unclean.leader.election.enable": "false" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { "broker.id": "1", "unclean.leader.election.enable": "true" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { isProducer, serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/kafka-producer-acks",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "A producer that does not wait for the replicas",
    rationale:
      "With acks=0 or 1 a message that was confirmed is lost with its leader. With enable.idempotence=true as well the Java client refuses to start.",
    sources: ["https://kafka.apache.org/documentation/#producerconfigs"],
    fix: "acks=all.",
    needs: ["static"],
  },
  check(context) {
    for (const producer of serversOf(context, "kafka").filter(isProducer)) {
      const acks = producer.value("acks");
      if (acks !== "0" && acks !== "1") continue;
      const clash =
        producer.value("enable.idempotence")?.toLowerCase() === "true"
          ? ", and with enable.idempotence=true the client does not start"
          : "";
      context.report({
        ...producer.at("acks"),
        message: `${producer.name}: acks is ${acks}: what was confirmed can be lost with one broker${clash}`,
      });
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", facts: factsOf("kafka", { acks: "all" }) },
      { code: "extends: snowshed:recommended", facts: factsOf("kafka", { acks: "-1" }) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { acks: "1" }),
        errors: [{ path: "files.kafka.0" }],
      },
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("kafka", { acks: "0", "enable.idempotence": "true" }),
        errors: [{ path: "files.kafka.0" }],
      },
    ],
  },
});

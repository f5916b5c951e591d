import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "kafka_brokers";
const labels = { job: "kafka", instance: "kafka-exporter:9308" };
const forMinutes = 2;
const value = metric;

export const kafkaBrokersMissing: Alert = defineAlert({
  meta: {
    id: "kafka/brokers-missing",
    alert: "KafkaBrokersMissing",
    exporter: "kafka",
    origin: "vendor",
    title: "A broker is missing",
    rationale: "With one broker fewer, partitions lose a replica, and others more work.",
    sources: ["https://github.com/danielqsj/kafka_exporter#metrics"],
    fix: "Bring it back before the next one fails.",
  },
  expr: (variables) => `${value} < ${variables.kafkaBrokers}`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "Kafka: fewer brokers than there should be" },
  series: ({ kafkaBrokers: limit }) =>
    sides({ over: [steady(metric, labels, limit - 1)], under: [steady(metric, labels, limit)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: (variables) => variables.kafkaBrokers,
    unit: "short",
  },
});

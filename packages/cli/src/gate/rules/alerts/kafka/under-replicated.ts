import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "kafka_topic_partition_under_replicated_partition";
const labels = { job: "kafka", instance: "kafka-exporter:9308", topic: "orders", partition: "0" };
const forMinutes = 5;
const value = `sum by (job, topic) (${metric})`;

export const kafkaUnderReplicated: Alert = defineAlert({
  meta: {
    id: "kafka/under-replicated",
    alert: "KafkaUnderReplicated",
    exporter: "kafka",
    origin: "vendor",
    title: "A partition has fewer replicas in sync than it should",
    rationale: "The next broker that fails may take acknowledged messages with it.",
    sources: ["https://github.com/danielqsj/kafka_exporter#metrics"],
    fix: "See which broker is missing or slow.",
  },
  expr: () => `${value} > 0`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "Kafka: {{ $labels.topic }} has partitions that are under-replicated" },
  series: () =>
    sides({
      over: [steady(metric, labels, 1)],
      under: [steady(metric, labels, 0)],
      labels: { job: "kafka", topic: "orders" },
      forMinutes,
    }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});

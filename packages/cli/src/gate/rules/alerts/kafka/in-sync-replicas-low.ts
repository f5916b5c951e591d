import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "kafka_topic_partition_in_sync_replica";
const labels = { job: "kafka", instance: "kafka-exporter:9308", topic: "orders", partition: "0" };
const forMinutes = 2;
const value = metric;

export const kafkaInSyncReplicasLow: Alert = defineAlert({
  meta: {
    id: "kafka/in-sync-replicas-low",
    alert: "KafkaInSyncReplicasLow",
    exporter: "kafka",
    origin: "vendor",
    title: "A partition has fewer replicas in sync than min.insync.replicas",
    rationale: "Producers with acks=all get errors until enough replicas have caught up.",
    sources: [
      "https://github.com/danielqsj/kafka_exporter#metrics",
      "https://kafka.apache.org/documentation/#brokerconfigs_min.insync.replicas",
    ],
    fix: "See which broker is missing; never lower min.insync.replicas to get rid of the error.",
  },
  expr: (variables) => `${value} < ${variables.kafkaMinInSyncReplicas}`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "Kafka: {{ $labels.topic }} partition {{ $labels.partition }} has too few replicas in sync" },
  series: ({ kafkaMinInSyncReplicas: limit }) =>
    sides({ over: [steady(metric, labels, limit - 1)], under: [steady(metric, labels, limit)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: (variables) => variables.kafkaMinInSyncReplicas,
    unit: "short",
  },
});

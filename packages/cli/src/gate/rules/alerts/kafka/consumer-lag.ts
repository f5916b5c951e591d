import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "kafka_consumergroup_lag";
const labels = { job: "kafka", consumergroup: "billing", topic: "orders", partition: "0" };
const forMinutes = 10;
const value = `sum by (job, consumergroup, topic) (${metric})`;

export const kafkaConsumerLag: Alert = defineAlert({
  meta: {
    id: "kafka/consumer-lag",
    alert: "KafkaConsumerLag",
    exporter: "kafka",
    origin: "vendor",
    title: "A group of consumers falls behind",
    rationale: "What is read late is acted on late, and lost when its retention ends.",
    sources: ["https://github.com/danielqsj/kafka_exporter#metrics"],
    fix: "See whether consumers rebalance, are too few, or wait for something behind them.",
  },
  expr: (variables) => `${value} > ${variables.kafkaLag}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "Kafka: {{ $labels.consumergroup }} lags behind on {{ $labels.topic }}" },
  series: ({ kafkaLag: limit }) =>
    sides({
      over: [steady(metric, labels, limit * 1.05)],
      under: [steady(metric, labels, limit * 0.95)],
      labels: { job: "kafka", consumergroup: "billing", topic: "orders" },
      forMinutes,
    }),
  panel: {
    expr: () => value,
    limit: (variables) => variables.kafkaLag,
    unit: "short",
  },
});

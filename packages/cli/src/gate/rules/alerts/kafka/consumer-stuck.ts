import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing, steady } from "../../../alerts/fixtures.ts";

const by = "sum by (job, consumergroup, topic)";
const group = { job: "kafka", consumergroup: "billing", topic: "orders" };
const labels = { ...group, partition: "0" };
const lag = steady("kafka_consumergroup_lag", labels, 40);
const value = `${by} (kafka_consumergroup_lag)`;

export const kafkaConsumerStuck: Alert = defineAlert({
  meta: {
    id: "kafka/consumer-stuck",
    alert: "KafkaConsumerStuck",
    exporter: "kafka",
    origin: "measured",
    title: "A group of consumers does not get on at all",
    rationale:
      "Messages wait, and no offset is committed: a rebalance that does not end looks like this, and a lag below the limit hides it.",
    sources: ["the article, chapter 5", "https://github.com/danielqsj/kafka_exporter#metrics"],
    fix: "See whether the group rebalances again and again: its session and poll timeouts, and what its handlers wait for.",
  },
  expr: () => `${value} > 0 and ${by} (increase(kafka_consumergroup_current_offset[5m])) == 0`,
  forMinutes: 2,
  labels: { severity: "critical" },
  annotations: { summary: "Kafka: {{ $labels.consumergroup }} makes no progress on {{ $labels.topic }}" },
  series: () => {
    const offset = (perMinute: number) => growing("kafka_consumergroup_current_offset", labels, perMinute);
    const none = steady("kafka_consumergroup_lag", labels, 0);
    return [
      { name: "nothing is committed", input: [lag, offset(0)], atMinute: 10, fires: [group] },
      { name: "one message in five minutes", input: [lag, offset(0.2)], atMinute: 10, fires: [] },
      { name: "nothing to read", input: [none, offset(0)], atMinute: 10, fires: [] },
      {
        name: "one message waits",
        input: [steady("kafka_consumergroup_lag", labels, 1), offset(0)],
        atMinute: 10,
        fires: [group],
      },
      { name: "not for long enough", input: [lag, offset(0)], atMinute: 1, fires: [] },
    ];
  },
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});

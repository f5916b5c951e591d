import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { absence } from "../../../alerts/fixtures.ts";

const metric = "kafka_consumergroup_lag";
const forMinutes = 10;

export const kafkaLagAbsent: Alert = defineAlert({
  meta: {
    id: "kafka/lag-absent",
    alert: "KafkaLagAbsent",
    exporter: "kafka",
    origin: "measured",
    title: "Nothing tells how far consumers are behind",
    rationale:
      "A rule on a series that is not there is silent for ever. This one watches that there is something to watch.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#absent"],
    fix: "See whether the target is scraped, whether its exporter runs, and whether a relabelling drops the series.",
  },
  expr: () => `absent(${metric})`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "No series kafka_consumergroup_lag: rules on consumers of Kafka cannot fire" },
  series: () =>
    absence(metric, { job: "kafka", consumergroup: "billing", topic: "orders", partition: "0" }, forMinutes),
});

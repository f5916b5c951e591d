import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "etcd_disk_backend_commit_duration_seconds";
const labels = { job: "etcd", instance: "etcd-1:2379", quantile: "0.99" };
const forMinutes = 0;

const value = (variables: AlertVariables): string => `${metric}{quantile="${variables.quantile}"}`;

export const etcdArticleBackendCommit: Alert = defineAlert({
  meta: {
    id: "etcd/article-backend-commit",
    alert: "EtcdBackendCommitArticle",
    exporter: "etcd",
    origin: "article",
    title: "The article's rule on commits, to the letter",
    rationale:
      "Kept so that the article's text is there to be compared: on a real etcd it never fires, since the metric is a histogram and has no label quantile. EtcdBackendCommitVerySlow is what watches.",
    sources: ["the article, chapter 5"],
    fix: "Rely on EtcdBackendCommitVerySlow.",
    preset: "article",
  },
  expr: (variables) => `${value(variables)} > ${variables.etcdBackendCommitSeconds}`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "etcd {{ $labels.instance }}: commits of the backend take longer than the limit" },
  series: ({ quantile, etcdBackendCommitSeconds: limit }) => {
    const summary = { ...labels, quantile: String(quantile) };
    const [over, under] = [[steady(metric, summary, limit * 1.05)], [steady(metric, summary, limit * 0.95)]];
    return sides({ over, under, labels: summary, forMinutes });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.etcdBackendCommitSeconds,
    unit: "s",
  },
});

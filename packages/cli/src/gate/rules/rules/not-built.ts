import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

const config = "alerts: { out: rules.yml, include: [redis/down] }";
const built = `# Written by \`snowshed gate rules build\`: change snowshed.yaml, not this file.
groups:
  - name: snowshed-redis
    rules:
      - alert: RedisDown
        expr: redis_up == 0
        for: 1m
        labels:
          severity: critical
        annotations:
          summary: "Redis {{ $labels.instance }}: does not answer"
          description: All other rules on Redis are silent while there is nothing to read. See whether the server runs, and whether the exporter may log in.
          snowshed_rule: redis/down
`;

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/not-built",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "The rules are not what the configuration gives",
    rationale: "What Prometheus loads is the file.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/gate-alerts.md"],
    fix: "Run `snowshed gate rules build`.",
    needs: ["static"],
  },
  fixtures: {
    // Changed by hand, where the next build would take it back.
    wrong: { config, files: { "rules.yml": built.replace("for: 1m", "for: 30m") } },
    right: { config, files: { "rules.yml": built } },
  },
});

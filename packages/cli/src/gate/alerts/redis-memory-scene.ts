import type { LintScene } from "./lint-rule.ts";

/** A Redis whose one alert, of the user's own, fires when more than a share of its memory is in use. For fixtures. */
export const redisMemoryScene = (share: number): LintScene => ({
  config: `workloads:
  session: { writesPerSecond: 800, ordering: none, consistency: eventual, store: redis-sentinel }
alerts: { lint: [own.yml] }
`,
  files: {
    "own.yml": `groups:
- name: mine
  rules:
  - { alert: A, expr: "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > ${share}" }
`,
  },
});

import type { Finding } from "../../src/gate/finding.ts";
import type { GateReport, ReportedStage } from "../../src/gate/report/gate-report.ts";
import { countFindings } from "../../src/gate/report/gate-report.ts";

export const base: Finding = {
  rule: "advise/store-is-the-leaf",
  severity: "error",
  message: "the tree leads to etcd, the file says Kafka",
  path: ["workloads", "lock", "store"],
  file: "deploy/snowshed.yaml",
  line: 12,
  column: 5,
  fix: "Use etcd.",
  sources: ["the article, chapter 5"],
  stage: "advise",
};
export const exception: NonNullable<Finding["exception"]> = {
  reason: "until the move",
  owner: "@infra",
  until: "2027-03-01",
};
/** One of each kind: an error, a warning, without a place, excepted. */
export const findings: readonly Finding[] = [
  base,
  { ...base, rule: "advise/other", severity: "warning", fix: null, path: [] },
  { ...base, rule: "advise/third", severity: "info", file: null, line: null, column: null },
  { ...base, status: "excepted", exception, line: 20 },
];

/** A report as a run makes it, of one stage with these findings. */
export function reportOf(found: readonly Finding[], more: Partial<ReportedStage> = {}): GateReport {
  const meta = { stage: "advise", severity: "error", origin: "article", title: "t", rationale: "r", fix: "f" } as const;
  const asked = ["advise/store-is-the-leaf", "advise/quiet"];
  const notes = [
    { kind: "skipped", rule: "advise/skipped", message: "needs root" },
    { kind: "failed", rule: "advise/broken", message: "the rule advise/broken failed: Error: no" },
  ] as const;
  const stage = {
    stage: "advise",
    verdict: "blocked",
    durationMs: 12,
    asked,
    findings: found,
    notes,
    facts: {},
  } as const;
  return {
    schema: "snowshed.gate/1",
    tool: { name: "snowshed", version: "1.2.3" },
    startedAt: "2026-11-23T10:00:00.000Z",
    durationMs: 34,
    config: "deploy/snowshed.yaml",
    preset: "recommended",
    environment: "ci",
    failOn: "error",
    verdict: found.length === 0 ? "pass" : "blocked",
    exitCode: found.length === 0 ? 0 : 1,
    counts: countFindings(found),
    stages: [{ ...stage, ...more }],
    exceptions: [{ rule: base.rule, ...exception, expired: false, used: 1 }],
    rules: asked.map((id) => Object.assign({ id, sources: ["https://example.com"] }, meta)),
  };
}

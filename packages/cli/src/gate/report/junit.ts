import { blocks } from "../verdict.ts";
import type { Finding } from "../finding.ts";
import type { GateReport, ReportedStage } from "./gate-report.ts";
import { placeOf } from "./gate-report.ts";

interface Case {
  readonly name: string;
  /** What becomes of it; undefined passes. */
  readonly outcome?: {
    readonly kind: "failure" | "error" | "skipped";
    readonly message: string;
    readonly text: string;
  };
  /** A finding that does not block is told, and passes. */
  readonly output?: string;
}

/** A suite for each stage, a case for each rule that found nothing, and one for each finding and note. */
export function junitReport(report: GateReport): string {
  const suites = report.stages.map((stage) => ({ stage, cases: casesOf(stage, report.failOn) }));
  const all = suites.flatMap(({ cases }) => cases);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    // Without how many were skipped: the schema that Jenkins checks with has it for suites only.
    `<testsuites name="snowshed gate" ${numbers(all, report.durationMs)}>`,
    ...suites.map(({ stage: { stage, durationMs }, cases }) => {
      const inner = cases.flatMap((each) => caseLines(each, stage)).join("\n");
      const started = report.startedAt.slice(0, 19);
      const counted = `${numbers(cases, durationMs)} skipped="${count(cases, "skipped")}"`;
      return `  <testsuite name="${stage}" ${counted} timestamp="${started}">\n${inner}\n  </testsuite>`;
    }),
    "</testsuites>",
    "",
  ].join("\n");
}

function casesOf({ stage, verdict, asked, findings, notes }: ReportedStage, failOn: GateReport["failOn"]): Case[] {
  const named = new Set([...findings.map(({ rule }) => rule), ...notes.map(({ rule }) => rule)]);
  const cases: Case[] = [
    ...asked.filter((id) => !named.has(id)).map((name) => ({ name })),
    ...findings.map((finding) => caseOf(finding, failOn)),
    ...notes.flatMap(({ kind, rule, message }): Case[] => {
      if (kind === "info") return [];
      return [{ name: rule ?? stage, outcome: { kind: kind === "failed" ? "error" : "skipped", message, text: "" } }];
    }),
  ];
  if (cases.length > 0) return cases;
  const skipped = { kind: "skipped", message: "not run", text: "" } as const;
  return [{ name: stage, ...(verdict === "skipped" ? { outcome: skipped } : {}) }];
}

function caseOf(finding: Finding, failOn: GateReport["failOn"]): Case {
  const { rule, path, message, fix, severity, exception } = finding;
  const place = placeOf(finding);
  const name = path.length === 0 ? `${rule} ${place}`.trim() : `${rule} ${path.join(".")}`;
  const text = [`${severity}: ${message}`, place, ...(fix === null ? [] : [`fix: ${fix}`])].join("\n");
  if (exception !== undefined) {
    const why = `excepted until ${exception.until} by ${exception.owner}: ${exception.reason}`;
    return { name, outcome: { kind: "skipped", message: why, text: "" } };
  }
  return blocks(finding, failOn) ? { name, outcome: { kind: "failure", message, text } } : { name, output: text };
}

function caseLines({ name, outcome, output }: Case, stage: string): string[] {
  const open = `    <testcase classname="snowshed.gate.${stage}" name="${escape(name)}" time="0"`;
  if (outcome !== undefined) {
    const { kind, message, text } = outcome;
    const inner = `<${kind} message="${escape(message)}"`;
    return [
      `${open}>`,
      `      ${text === "" ? `${inner}/>` : `${inner}>${escape(text)}</${kind}>`}`,
      "    </testcase>",
    ];
  }
  if (output === undefined) return [`${open}/>`];
  return [`${open}>`, `      <system-out>${escape(output)}</system-out>`, "    </testcase>"];
}

function numbers(cases: readonly Case[], durationMs: number): string {
  const time = (durationMs / 1000).toFixed(3);
  return `tests="${cases.length}" failures="${count(cases, "failure")}" errors="${count(cases, "error")}" time="${time}"`;
}

function count(cases: readonly Case[], kind: string): number {
  return cases.filter(({ outcome }) => outcome?.kind === kind).length;
}

// XML 1.0 has no way to write these, not even escaped.
const forbidden =
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

function escape(text: string): string {
  return text
    .replaceAll(forbidden, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");
}

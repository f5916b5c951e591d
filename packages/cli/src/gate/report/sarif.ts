import { pathToFileURL } from "node:url";
import path from "node:path";
import type { Finding, Severity } from "../finding.ts";
import type { GateReport, ReportedRule } from "./gate-report.ts";
import { findingsOf } from "./gate-report.ts";

const levels: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", info: "note" };

/** SARIF 2.1.0, as code scanning takes it: every rule, also those that found nothing, and a place for every result. */
export function sarifReport(report: GateReport): string {
  const findings = findingsOf(report);
  const rules = new Map<string, ReportedRule>(report.rules.map((rule) => [rule.id, rule]));
  for (const finding of findings) if (!rules.has(finding.rule)) rules.set(finding.rule, ruleOf(finding));
  const index = new Map([...rules.keys()].map((id, position) => [id, position]));
  const notes = report.stages.flatMap((stage) => stage.notes.map((note) => ({ ...note, stage: stage.stage })));
  const document = {
    $schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "snowshed",
            version: report.tool.version,
            semanticVersion: report.tool.version,
            informationUri: "https://github.com/snowshed/snowshed/blob/main/docs/gate.md",
            rules: [...rules.values()].map(describeRule),
          },
        },
        invocations: [
          {
            executionSuccessful: report.verdict === "pass" || report.verdict === "blocked",
            exitCode: report.exitCode,
            startTimeUtc: report.startedAt,
            toolExecutionNotifications: notes.map(({ kind, rule, message, stage }) => ({
              level: kind === "failed" ? "error" : "note",
              message: { text: `${stage}: ${message}` },
              // Left out of the JSON when undefined.
              associatedRule: rule !== null && index.has(rule) ? { id: rule, index: index.get(rule) } : undefined,
            })),
          },
        ],
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => resultOf(finding, index.get(finding.rule)!, report.config)),
      },
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function describeRule({ id, title, rationale, severity, fix, sources, stage, origin }: ReportedRule): object {
  const help = [rationale, ...(fix === null ? [] : [`Fix: ${fix}`]), ...sources].filter((text) => text !== "");
  return {
    id,
    name: id.replaceAll(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: title },
    fullDescription: { text: rationale === "" ? title : rationale },
    help: { text: help.length === 0 ? title : help.join("\n") },
    defaultConfiguration: { level: levels[severity] },
    properties: { stage, ...(origin === null ? {} : { origin }), tags: ["snowshed", stage] },
  };
}

/** What is known of a rule that is not one of this package, such as one of a user's own alerts. */
function ruleOf({ rule, stage, severity, fix, sources }: Finding): ReportedRule {
  return { id: rule, stage, severity, origin: null, title: rule, rationale: "", fix, sources };
}

function resultOf(finding: Finding, ruleIndex: number, config: string): object {
  const { rule, severity, message, fix, path: place, file, line, column, exception } = finding;
  // A result without a place is left out by those who show them; the configuration is what led to it.
  const region = line === null ? undefined : { startLine: line, ...(column === null ? {} : { startColumn: column }) };
  return {
    ruleId: rule,
    ruleIndex,
    level: levels[severity],
    message: { text: fix === null ? message : `${message}\nFix: ${fix}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: uriOf(file ?? config) }, region: region ?? { startLine: 1 } },
        ...(place.length === 0 ? {} : { logicalLocations: [{ fullyQualifiedName: place.join(".") }] }),
      },
    ],
    // What the same finding is known by when lines above it come and go.
    partialFingerprints: { "ruleAndPath/v1": `${rule}:${place.join(".")}:${file ?? config}` },
    suppressions:
      exception === undefined
        ? []
        : [
            {
              kind: "external",
              status: "accepted",
              justification: `until ${exception.until}, ${exception.owner}: ${exception.reason}`,
            },
          ],
  };
}

function uriOf(file: string): string {
  if (path.isAbsolute(file)) return pathToFileURL(file).href;
  // Half a character cannot be encoded.
  return file
    .replaceAll(/\p{Surrogate}/gu, "\uFFFD")
    .split("/")
    .map(encodeURIComponent)
    .join("/");
}

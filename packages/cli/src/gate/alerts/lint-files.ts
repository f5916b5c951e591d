import type { Finding, Position } from "../finding.ts";
import { lintRule } from "../rules/rules/index.ts";
import { lintExpression } from "./lint-expression.ts";
import type { LintId } from "./lint-rule.ts";
import type { ReadRules, WrittenRule } from "./rule-file.ts";
import { readRuleFile } from "./rule-file.ts";

/** A rule file of the user. */
export interface LintedFile extends ReadRules {
  /** Absolute. */
  readonly path: string;
  /** As reports name it. */
  readonly display: string;
}

interface Said {
  readonly rule: LintId;
  readonly message: string;
  readonly severity?: Finding["severity"] | undefined;
  readonly fix?: string | undefined;
}

/** A finding about a place of a file, or about the configuration when there is none. */
export function findingAt(said: Said, place: Partial<Position> | null, path: Finding["path"] = []): Finding {
  const { id, severity, fix, sources } = lintRule(said.rule);
  return {
    rule: id,
    severity: said.severity ?? severity,
    message: said.message,
    path,
    file: place?.file ?? null,
    line: place?.line ?? null,
    column: place?.column ?? null,
    fix: said.fix ?? fix,
    sources,
    stage: "rules",
  };
}

export function readFileText(path: string, display: string, text: string): LintedFile {
  return { path, display, ...readRuleFile(text) };
}

/** Everything that can be said of files without a Prometheus. Recording rules of one file are known in the others. */
export function lintFiles(files: readonly LintedFile[]): Finding[] {
  const recorded = new Set(
    files.flatMap(({ rules }) => rules.filter(({ kind }) => kind === "record").map(({ name }) => name)),
  );
  return files.flatMap((file) => [
    ...file.problems.map((problem) => findingAt(problem, { ...problem, file: file.display })),
    ...duplicates(file),
    ...file.rules.flatMap((rule) => lintRuleOf(rule, file, recorded)),
  ]);
}

function lintRuleOf(rule: WrittenRule, { display }: LintedFile, recorded: ReadonlySet<string>): Finding[] {
  return lintExpression(rule.expression, recorded).map((problem) => {
    const message = `${rule.name}: ${problem.message}`;
    return findingAt({ ...problem, message }, { ...rule.at(problem.offset), file: display });
  });
}

/** Two rules of one name are common, as a warning and a critical one: only what is the same in all counts. */
function duplicates({ rules, display }: LintedFile): Finding[] {
  const seen = new Map<string, WrittenRule>();
  const findings: Finding[] = [];
  for (const rule of rules) {
    const { kind, name, expression, labels } = rule;
    const labelled = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
    // Of recording rules, too: several often make one name, each of other series.
    const key = JSON.stringify([kind, name, labelled, expression.text.replaceAll(/\s+/g, " ").trim()]);
    const before = seen.get(key);
    if (before === undefined) {
      seen.set(key, rule);
      continue;
    }
    const message = `${name} is there in line ${before.line} already, with the same expression and labels`;
    findings.push(
      findingAt({ rule: "duplicate-name", message }, { line: rule.line, column: rule.column, file: display }),
    );
  }
  return findings;
}

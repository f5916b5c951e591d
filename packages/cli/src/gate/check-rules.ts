import type { Config } from "./config/config.ts";
import type { Preset } from "./config/presets/preset.ts";
import type { Fact } from "./facts.ts";
import type { Finding, Position } from "./finding.ts";
import type { Need, Report, Rule } from "./rule.ts";
import type { StageNote } from "./run.ts";

export interface Checked {
  readonly findings: readonly Finding[];
  /** Rules that could not be asked, and rules that threw. */
  readonly notes: readonly StageNote[];
}

export interface CheckOptions {
  readonly config: Config;
  readonly preset: Preset;
  readonly source: { position(path: readonly (string | number)[]): Position };
  readonly facts?: readonly Fact[];
  /** Default: null, nothing was asked. */
  readonly live?: readonly Fact[] | null;
  /** What there is beside the files; a rule that needs more is skipped. `live` is there when `live` is given. */
  readonly available?: readonly Need[];
}

const reasons: Readonly<Record<Need, string>> = {
  static: "needs files",
  live: "needs running servers: --live",
  root: "needs root",
  prometheus: "needs a Prometheus: --prometheus",
};

/** Asks each rule. One that throws is named in the notes, what it had reported counts, and the others are asked all the same. */
export async function checkRules(rules: readonly Rule[], options: CheckOptions): Promise<Checked> {
  const { config, preset, source, facts = [], live = null, available = [] } = options;
  const findings: Finding[] = [];
  const notes: StageNote[] = [];
  const there = new Set<Need>(["static", ...available, ...(live === null ? [] : (["live"] as const))]);
  for (const rule of rules) {
    const { id, needs } = rule.meta;
    const missing = needs.filter((need) => !there.has(need));
    if (missing.length > 0) {
      notes.push({ kind: "skipped", rule: id, message: missing.map((need) => reasons[need]).join(", ") });
      continue;
    }
    const report = (given: Report): void => void findings.push(findingOf(rule, given, source));
    const skip = (reason: string): void => void notes.push({ kind: "skipped", rule: id, message: reason });
    try {
      await rule.check({ config, preset, facts, live, report, skip });
    } catch (error) {
      notes.push({ kind: "failed", rule: id, message: `the rule ${id} failed: ${messageOf(error)}` });
    }
  }
  return { findings, notes };
}

/** A report of a rule, with what the rule says of all its reports. */
function findingOf({ meta }: Rule, given: Report, source: CheckOptions["source"]): Finding {
  const { file, line, column } = given.at ?? source.position(given.path);
  return {
    rule: meta.id,
    severity: given.severity ?? meta.severity,
    message: given.message,
    path: given.path,
    file,
    line,
    column,
    fix: given.fix ?? meta.fix,
    sources: meta.sources,
    stage: meta.stage,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

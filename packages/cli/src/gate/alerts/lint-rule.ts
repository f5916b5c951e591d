import type { Rule, RuleMeta } from "../rule.ts";

/** Of the rules on alert rules, by id without `rules/`: what reads a file names them so. */
export type LintId =
  | "mandatory-missing"
  | "fires-always"
  | "rule-file"
  | "promql-syntax"
  | "empty-group"
  | "duplicate-name"
  | "quantile-on-histogram"
  | "bare-histogram"
  | "quantile-without-le"
  | "quantile-without-rate"
  | "unguarded-divisor"
  | "rate-on-gauge"
  | "counter-without-rate"
  | "range-missing"
  | "unknown-series"
  | "promtool"
  | "promtool-test"
  | "not-built"
  | "variable"
  | "include";

/** A folder that the whole stage is run on, where more than one file decides. */
export interface LintScene {
  /** A snowshed.yaml, without `version: 1`. */
  readonly config: string;
  /** What is beside it, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whether the stage is asked to try the generated rules on their series: `gate rules test`. */
  readonly isTested?: true;
}

/** A text is an expression, or a whole file of rules, which begins with `groups:`. */
export type LintCase = string | LintScene;

export interface LintRule extends Rule {
  /** Run by the test suite for every rule: it is found in `wrong`; in `right` nothing is found at all. */
  readonly fixtures: { readonly wrong: LintCase; readonly right: LintCase };
}

interface LintRuleOptions {
  readonly meta: RuleMeta & { readonly id: `rules/${LintId}`; readonly stage: "rules" };
  readonly fixtures: LintRule["fixtures"];
}

/**
 * As a rule of the gate: exceptions and reports name it. One reader of a file finds what all of them are about, so there is
 * nothing that this one checks by itself.
 */
export function defineLintRule({ meta, fixtures }: LintRuleOptions): LintRule {
  return { meta, check: () => {}, tests: { valid: [], invalid: [] }, fixtures };
}

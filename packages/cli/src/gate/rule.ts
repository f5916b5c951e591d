import type { Config } from "./config/config.ts";
import type { Preset } from "./config/presets/preset.ts";
import type { Fact } from "./facts.ts";
import type { Position, Severity, Stage } from "./finding.ts";

/** What a rule must have to judge. One that lacks it is skipped, and the report says so. */
export type Need = "static" | "live" | "root" | "prometheus";

/** Where the rule comes from: the article, a vendor's documentation, or measurements of our own. */
export type Origin = "article" | "vendor" | "measured";

export interface RuleMeta {
  /** `<stage>/<name>`, which is also its file: rules/<stage>/<name>.ts. It never changes: exceptions name it. */
  readonly id: string;
  readonly stage: Stage;
  readonly severity: Severity;
  readonly origin: Origin;
  readonly title: string;
  readonly rationale: string;
  readonly sources: readonly string[];
  readonly fix: string;
  readonly needs: readonly Need[];
}

/** What a rule reports: only what differs from its `meta` needs to be given. */
export interface Report {
  /** Where in the configuration; the nearest place that is written there gives line and column. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Default: that of the rule. */
  readonly severity?: Severity;
  readonly fix?: string;
  /** The place in another file, such as a fact's; default: the place of `path` in the configuration. */
  readonly at?: Position;
}

export interface RuleContext {
  readonly config: Config;
  readonly preset: Preset;
  /** From the files that the configuration names. */
  readonly facts: readonly Fact[];
  /** From running servers and /proc; null unless asked for. */
  readonly live: readonly Fact[] | null;
  report(report: Report): void;
  /** What the rule would need to know to judge, and nothing says: named in the report, so that silence is no approval. */
  skip(reason: string): void;
}

export interface RuleCase {
  /** A whole snowshed.yaml; `version: 1` may be left out. */
  readonly code: string;
  readonly preset?: "article" | "recommended";
  readonly facts?: readonly Fact[];
  readonly live?: readonly Fact[];
}

export interface Rule {
  readonly meta: RuleMeta;
  check(context: RuleContext): void | Promise<void>;
  /** Run by the test suite for every rule. */
  readonly tests: {
    readonly valid: readonly (string | RuleCase)[];
    /** `path` as dots join it, such as `workloads.lock.store`: exactly these, in this order. */
    readonly invalid: readonly (RuleCase & { readonly errors: readonly { readonly path: string }[] })[];
  };
}

/** A rule as it is: its type is checked, nothing else happens. */
export function defineRule(rule: Rule): Rule {
  return rule;
}

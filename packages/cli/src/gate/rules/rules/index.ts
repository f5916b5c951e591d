import type { LintId, LintRule } from "../../alerts/lint-rule.ts";
import { rule as bareHistogram } from "./bare-histogram.ts";
import { rule as counterWithoutRate } from "./counter-without-rate.ts";
import { rule as duplicateName } from "./duplicate-name.ts";
import { rule as emptyGroup } from "./empty-group.ts";
import { rule as firesAlways } from "./fires-always.ts";
import { rule as include } from "./include.ts";
import { rule as mandatoryMissing } from "./mandatory-missing.ts";
import { rule as notBuilt } from "./not-built.ts";
import { rule as promqlSyntax } from "./promql-syntax.ts";
import { rule as promtool } from "./promtool.ts";
import { rule as promtoolTest } from "./promtool-test.ts";
import { rule as quantileOnHistogram } from "./quantile-on-histogram.ts";
import { rule as quantileWithoutLe } from "./quantile-without-le.ts";
import { rule as quantileWithoutRate } from "./quantile-without-rate.ts";
import { rule as rangeMissing } from "./range-missing.ts";
import { rule as rateOnGauge } from "./rate-on-gauge.ts";
import { rule as ruleFile } from "./rule-file.ts";
import { rule as unguardedDivisor } from "./unguarded-divisor.ts";
import { rule as unknownSeries } from "./unknown-series.ts";
import { rule as variable } from "./variable.ts";

const byId: Readonly<Record<LintId, LintRule>> = {
  "mandatory-missing": mandatoryMissing,
  "fires-always": firesAlways,
  "rule-file": ruleFile,
  "promql-syntax": promqlSyntax,
  "empty-group": emptyGroup,
  "duplicate-name": duplicateName,
  "quantile-on-histogram": quantileOnHistogram,
  "bare-histogram": bareHistogram,
  "quantile-without-le": quantileWithoutLe,
  "quantile-without-rate": quantileWithoutRate,
  "unguarded-divisor": unguardedDivisor,
  "rate-on-gauge": rateOnGauge,
  "counter-without-rate": counterWithoutRate,
  "range-missing": rangeMissing,
  "unknown-series": unknownSeries,
  promtool,
  "promtool-test": promtoolTest,
  "not-built": notBuilt,
  variable,
  include,
};

/** Every rule of this folder, one file each. */
export const rulesRules: readonly LintRule[] = Object.values(byId);

/** What a finding says of its rule. */
export function lintRule(id: LintId): LintRule["meta"] {
  return byId[id].meta;
}

import type { Rule } from "../../rule.ts";
import { rule as abortConditionNotMet } from "./abort-condition-not-met.ts";
import { rule as faultIsTakenBack } from "./fault-is-taken-back.ts";
import { rule as judgedOnProgress } from "./judged-on-progress.ts";
import { rule as recoversInTime } from "./recovers-in-time.ts";
import { rule as recoveryLimit } from "./recovery-limit.ts";

/** Every rule of this folder, one file each. */
export const chaosRules: readonly Rule[] = [
  recoversInTime,
  abortConditionNotMet,
  faultIsTakenBack,
  recoveryLimit,
  judgedOnProgress,
];

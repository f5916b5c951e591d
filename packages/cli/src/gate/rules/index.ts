import type { Rule } from "../rule.ts";
import { adviseRules } from "./advise/index.ts";
import { auditRules } from "./audit/index.ts";
import { capacityRules } from "./capacity/index.ts";
import { chaosRules } from "./chaos/index.ts";
import { rulesRules } from "./rules/index.ts";

/** Every rule the gate knows, in the order of the stages. */
export const rules: readonly Rule[] = [adviseRules, auditRules, rulesRules, chaosRules, capacityRules].flat();

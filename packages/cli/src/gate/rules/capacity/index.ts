import type { Rule } from "../../rule.ts";

/** Every rule of this folder, one file each. */
export const capacityRules: readonly Rule[] = [];

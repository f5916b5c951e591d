import type { Rule } from "../../rule.ts";
import { alertThreshold } from "./alert-threshold.ts";
import { demand } from "./demand.ts";
import { headroom } from "./headroom.ts";
import { methods } from "./methods.ts";
import { ramp } from "./ramp.ts";

/** Every rule of this folder, one file each. */
export const capacityRules: readonly Rule[] = [alertThreshold, demand, headroom, methods, ramp];

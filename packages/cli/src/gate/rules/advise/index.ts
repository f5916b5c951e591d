import type { Rule } from "../../rule.ts";
import { rule as answersAgree } from "./answers-agree.ts";
import { rule as answersHaveALeaf } from "./answers-have-a-leaf.ts";
import { rule as globalOrderIsOnePartition } from "./global-order-is-one-partition.ts";
import { rule as orderSurvivesFailover } from "./order-survives-failover.ts";
import { rule as storeIsTheLeaf } from "./store-is-the-leaf.ts";
import { rule as withinEtcdLimits } from "./within-etcd-limits.ts";

/** Every rule of this folder, one file each. */
export const adviseRules: readonly Rule[] = [
  storeIsTheLeaf,
  answersHaveALeaf,
  answersAgree,
  orderSurvivesFailover,
  globalOrderIsOnePartition,
  withinEtcdLimits,
];

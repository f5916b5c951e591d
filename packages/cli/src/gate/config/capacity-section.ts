import { z } from "zod";
import type { KneeMethod } from "./knee-methods.ts";
import { kneeMethods } from "./knee-methods.ts";

export const capacityDrivers = ["redis-benchmark", "autocannon", "k6", "open-loop", "memory"] as const;

export type CapacityDriver = (typeof capacityDrivers)[number];

export interface CapacityConfig {
  /** Part of a plain `snowshed gate`, too. */
  readonly enabled?: boolean | undefined;
  readonly driver: CapacityDriver;
  readonly target: string;
  readonly ramp: { readonly from: number; readonly to: number; readonly step: number; readonly reps: number };
  readonly knee: {
    readonly methods: readonly KneeMethod[];
    /** So many methods must find the same knee. */
    readonly minAgreement: number;
    /** How far two that agree may be apart, as a share; default: 0.2. */
    readonly tolerance?: number | undefined;
  };
  /** Share of the capacity that stays free; default: the preset's 0.25. */
  readonly headroom?: number | undefined;
  /** Of each measurement; default: 5. */
  readonly stepSeconds?: number | undefined;
  /** Of what is written to a Redis; default: 512 for `memory`, else 3. */
  readonly valueBytes?: number | undefined;
  /** With `memory`: a Redis that holds keys is filled all the same, and may evict them. */
  readonly confirm?: boolean | undefined;
  /** What has to be safe, per second (`memory`: percent of maxmemory); less blocks. */
  readonly atLeast?: number | undefined;
}

const positive = z.number().positive();

const section = z.strictObject({
  enabled: z.boolean().optional(),
  driver: z.enum(capacityDrivers),
  target: z.string().min(1),
  ramp: z.strictObject({
    from: positive,
    to: positive,
    step: positive,
    reps: z.int().min(5, "must be at least 5: a single run says nothing on a shared machine"),
  }),
  knee: z.strictObject({
    methods: z.array(z.enum(kneeMethods)).min(1),
    minAgreement: z.int().positive(),
    tolerance: z.number().positive().max(0.5).optional(),
  }),
  headroom: z.number().min(0).max(0.9).optional(),
  stepSeconds: positive.optional(),
  valueBytes: z.int().positive().optional(),
  confirm: z.boolean().optional(),
  atLeast: positive.optional(),
});

export const capacitySchema: z.ZodType<CapacityConfig> = section.refine(
  ({ driver, stepSeconds = 1 }) => driver !== "k6" || stepSeconds >= 1,
  { path: ["stepSeconds"], message: "must be at least 1 with the driver k6, which refuses less" },
);

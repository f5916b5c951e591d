import { z } from "zod";

export const capacityDrivers = ["redis-benchmark", "autocannon", "k6", "open-loop", "memory"] as const;

export type CapacityDriver = (typeof capacityDrivers)[number];

export const kneeMethods = ["kneedle", "usl"] as const;

export type KneeMethod = (typeof kneeMethods)[number];

export interface CapacityConfig {
  /** Part of a plain `snowshed gate`, too. */
  readonly enabled?: boolean | undefined;
  readonly driver: CapacityDriver;
  readonly target: string;
  readonly ramp: { readonly from: number; readonly to: number; readonly step: number; readonly reps: number };
  readonly knee: { readonly methods: readonly KneeMethod[]; readonly minAgreement: number };
  /** Share of the capacity that stays free; default: the preset's 0.25. */
  readonly headroom?: number | undefined;
}

const positive = z.number().positive();

export const capacitySchema: z.ZodType<CapacityConfig> = z.strictObject({
  enabled: z.boolean().optional(),
  driver: z.enum(capacityDrivers),
  target: z.string().min(1),
  ramp: z.strictObject({
    from: positive,
    to: positive,
    step: positive,
    reps: z.int().min(5, "must be at least 5: a single run says nothing on a shared machine"),
  }),
  knee: z.strictObject({ methods: z.array(z.enum(kneeMethods)).min(1), minAgreement: z.int().positive() }),
  headroom: z.number().min(0).max(0.9).optional(),
});

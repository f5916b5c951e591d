import { z } from "zod";
import { alertsSchema } from "./alerts-section.ts";
import { connectionSchema, filesSchema, kernelSchema } from "./audit-section.ts";
import { capacitySchema } from "./capacity-section.ts";
import { chaosSchema } from "./chaos-section.ts";
import type { Config } from "./config.ts";
import { exceptionSchema } from "./exceptions.ts";
import { workloadSchema } from "./workload-section.ts";

const name = z.string().regex(/^[A-Za-z0-9][\w.-]*$/, "must be letters, digits, dots, hyphens and underscores");

export const configSchema: z.ZodType<Config> = z.strictObject({
  version: z.literal(1),
  extends: z.enum(["snowshed:article", "snowshed:recommended"]).default("snowshed:recommended"),
  environment: z.string().min(1).optional(),
  workloads: z.record(name, workloadSchema).default({}),
  connections: z.record(name, connectionSchema).default({}),
  kernel: kernelSchema.default({}),
  files: filesSchema.default({}),
  alerts: alertsSchema.default({}),
  chaos: chaosSchema.default({}),
  capacity: z.record(name, capacitySchema).default({}),
  exceptions: z.array(exceptionSchema).default([]),
});

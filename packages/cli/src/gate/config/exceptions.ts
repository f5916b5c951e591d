import { z } from "zod";

export interface ExceptionConfig {
  /** The id of the rule. */
  readonly rule: string;
  readonly reason: string;
  readonly owner: string;
  /** The last day it holds, as YYYY-MM-DD, in UTC. */
  readonly until: string;
  /** Only there and below, such as `workloads.lock`; default: everywhere. */
  readonly path?: string | undefined;
}

export const exceptionSchema: z.ZodType<ExceptionConfig> = z.strictObject({
  rule: z.string().min(1),
  reason: z.string().trim().min(1),
  owner: z.string().trim().min(1),
  until: z.iso.date("must be a day, as YYYY-MM-DD"),
  path: z.string().min(1).optional(),
});

import { z } from "zod";

export const stores = [
  "redis-sentinel",
  "redis-cluster",
  "kafka",
  "etcd",
  "postgres",
  "nats",
  "rabbitmq",
  "redis-streams",
] as const;

export type Store = (typeof stores)[number];

/** What a workload asks of its store beyond throughput, order and consistency; none of it changes the article's leaf. */
export const workloadNeeds = [
  "transactions",
  "fan-out",
  "replay",
  "routing",
  "priority",
  "work-queue",
  "expiry",
  "watch",
] as const;

export type WorkloadNeed = (typeof workloadNeeds)[number];

export interface WorkloadConfig {
  readonly writesPerSecond: number;
  readonly ordering: "none" | "strict";
  readonly orderingScope?: "key" | "partition" | "global" | undefined;
  readonly consistency: "eventual" | "linearizable";
  readonly store: Store;
  readonly valueBytes?: number | undefined;
  readonly needs?: readonly WorkloadNeed[] | undefined;
  readonly delivery?:
    | {
        readonly idempotentProducer: boolean;
        readonly dedup?:
          | { readonly unique: readonly string[]; readonly timestampSource?: "event" | "send" | undefined }
          | undefined;
      }
    | undefined;
  readonly write?:
    | {
        readonly command: string;
        readonly wait?:
          | {
              readonly replicas: number;
              readonly timeoutMs: number;
              readonly onShortfall?: "compensate" | "ignore" | undefined;
              readonly sameConnection?: boolean | undefined;
            }
          | undefined;
      }
    | undefined;
  readonly topology?: { readonly replicas: number } | undefined;
}

const count = z.int().nonnegative();

export const workloadSchema: z.ZodType<WorkloadConfig> = z.strictObject({
  writesPerSecond: z.number().nonnegative().meta({ description: "Writes per second at the peak that is planned for." }),
  ordering: z.enum(["none", "strict"]),
  orderingScope: z.enum(["key", "partition", "global"]).optional(),
  consistency: z.enum(["eventual", "linearizable"]).meta({
    description: "linearizable: another service reads at once what was written, or nothing.",
  }),
  store: z.enum(stores),
  valueBytes: count.optional(),
  needs: z.array(z.enum(workloadNeeds)).optional(),
  delivery: z
    .strictObject({
      idempotentProducer: z.boolean(),
      dedup: z
        .strictObject({ unique: z.array(z.string()).min(1), timestampSource: z.enum(["event", "send"]).optional() })
        .optional(),
    })
    .optional(),
  write: z
    .strictObject({
      command: z.string().min(1),
      wait: z
        .strictObject({
          replicas: z.int().positive(),
          timeoutMs: count.meta({ description: "0 waits for ever." }),
          onShortfall: z.enum(["compensate", "ignore"]).optional(),
          sameConnection: z.boolean().optional(),
        })
        .optional(),
    })
    .optional(),
  topology: z.strictObject({ replicas: count }).optional(),
});

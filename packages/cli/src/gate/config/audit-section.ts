import { z } from "zod";

export const connectionKinds = ["redis", "kafka", "etcd"] as const;

export type ConnectionKind = (typeof connectionKinds)[number];

export interface ConnectionConfig {
  /** Of one server, from all processes together. */
  readonly max: number;
  readonly perProcess: number;
  /** On one machine. */
  readonly processes: number;
  /** Machines or pods that run so many processes each; default 1. */
  readonly replicas?: number | undefined;
  /** Default: by the name, `redis` or `redis-cache`. */
  readonly kind?: ConnectionKind | undefined;
  /** Addresses that --live asks; `${NAME}` is taken from the environment. */
  readonly servers?: readonly string[] | undefined;
  readonly maxIdle?: number | undefined;
  readonly client?: string | undefined;
  readonly commandTimeoutMs?: number | undefined;
  readonly maxQueue?: number | undefined;
}

export interface KernelConfig {
  /** sysctl.conf, a sysctl.d file, or what `sysctl -a` printed on the target. */
  readonly from?: string | undefined;
  /** Name of the setting to a comparison such as ">=4096", "<=1", "=1" or "1". */
  readonly expect?: Readonly<Record<string, string>> | undefined;
}

export const fileKinds = ["redis", "kafka", "etcd", "compose", "kubernetes"] as const;

export type FilesConfig = Readonly<Partial<Record<(typeof fileKinds)[number], readonly string[] | undefined>>>;

const count = z.int().nonnegative();
const paths = z.array(z.string().min(1)).optional();

export const connectionSchema: z.ZodType<ConnectionConfig> = z.strictObject({
  max: count.meta({ description: "Connections to one server, of all processes together." }),
  perProcess: count,
  processes: count.meta({ description: "On one machine or in one pod." }),
  replicas: z.int().positive().optional().meta({ description: "Machines or pods that run so many processes each." }),
  kind: z.enum(connectionKinds).optional().meta({ description: "Default: by the name, such as redis or redis-cache." }),
  servers: z
    .array(z.string().min(1))
    .optional()
    .meta({ description: "Addresses that --live asks; ${NAME} is taken from the environment." }),
  maxIdle: count.optional(),
  client: z.string().min(1).optional().meta({ description: "ioredis, node-redis, kafkajs, platformatic, …" }),
  commandTimeoutMs: count.optional(),
  maxQueue: count.optional(),
});

export const kernelSchema: z.ZodType<KernelConfig> = z.strictObject({
  from: z.string().min(1).optional(),
  expect: z
    .record(
      z.string().regex(/^[\w.\-/]+$/),
      z.string().regex(/^(?:>=|<=|=|>|<)?\s*-?\d+$/, 'must be a comparison such as ">=4096", "<=1" or "1"'),
    )
    .optional(),
});

export const filesSchema: z.ZodType<FilesConfig> = z.strictObject({
  redis: paths,
  kafka: paths,
  etcd: paths,
  compose: paths,
  kubernetes: paths,
});

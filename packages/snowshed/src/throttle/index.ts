export type {
  GenericPoolLike,
  GuardPoolOptions,
  MysqlCallbackPoolLike,
  MysqlPoolLike,
  PgClientOf,
  PgPoolLike,
} from "./guard-pool.ts";
export { guardPool } from "./guard-pool.ts";
export type { DescriptorUsage } from "./descriptor-limits.ts";
export { FileHandles } from "./file-handles.ts";
export type { FileHandlesAcquireOptions, FileHandlesInspection, FileHandlesOptions } from "./file-handles.ts";
export type { KeyedQuotaInspection, KeyedQuotaOptions } from "./keyed-quota.ts";
export { KeyedQuota } from "./keyed-quota.ts";
export type { Fence, LeasePermit } from "./lease-permit.ts";
export type { PoolLeak } from "./pool-leaks.ts";
export type { PoolPermit } from "./pool-lease.ts";
export type { PoolAcquireOptions, PoolInspection, PoolOptions } from "./pool-options.ts";
export { Pool } from "./pool.ts";
export { Quota } from "./quota.ts";
export type { QuotaAcquireOptions, QuotaInspection, QuotaLimit, QuotaOptions, QuotaPermit } from "./quota-options.ts";

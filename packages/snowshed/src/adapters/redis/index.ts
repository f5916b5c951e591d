export { RedisDeduplicationStore } from "./redis-deduplication-store.ts";
export type {
  RedisClaim,
  RedisDeduplicationInspection,
  RedisDeduplicationOptions,
} from "./redis-deduplication-store.ts";
export type {
  Deduplicated,
  DeduplicatedBatch,
  DeduplicationOptions,
  DeduplicationStore,
  EventIdentity,
} from "../../delivery/deduplication-store.ts";
export { RedisQuota } from "./redis-quota.ts";
export type {
  RedisQuotaAcquireOptions,
  RedisQuotaInspection,
  RedisQuotaKeyOptions,
  RedisQuotaOptions,
  RedisQuotaPermit,
} from "./redis-quota-options.ts";
export type { IoRedisLike, NodeRedisLike, RedisLike } from "./redis-like.ts";
export { RedisSemaphore } from "./redis-semaphore.ts";
export type { RedisSemaphoreOptions } from "./semaphore-options.ts";
export type { Fence, LeasePermit } from "../../throttle/lease-permit.ts";
export type { LeaseAcquireOptions, LeaseHolder, LeaseInspection, LeaseWaiter } from "../../throttle/lease-semaphore.ts";
export { RedisWindow } from "./redis-window.ts";
export type { RedisWindowOptions } from "./redis-window.ts";

import { checkInteger } from "../../errors.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";

/**
 * A limit that never changes: a bulkhead. Right where the capacity is known, such as in front of a pool of that size.
 *
 * `limit` is an integer of at least 1.
 *
 * @example
 * ```ts
 * import { fixed } from "snowshed";
 *
 * const algorithm = fixed(20);
 * algorithm.sample({ latency: 900, inflight: 20, dropped: true, at: 900 });
 * console.log(algorithm.limit); // 20
 * ```
 */
export function fixed(limit: number): LimitAlgorithm {
  checkInteger(limit, "limit", 1);
  return { limit, sample() {} };
}

/** The buckets of etcd's disk histograms: a millisecond, doubled up to 8.192 s. */
export const diskBounds: readonly number[] = Array.from({ length: 14 }, (_, index) => 2 ** index / 1000);

/** The buckets of etcd's round trips between members: 0.1 ms, doubled up to 3.2768 s. */
export const peerBounds: readonly number[] = Array.from({ length: 16 }, (_, index) => 2 ** index / 10_000);

/** The buckets of `snowshed_wait_seconds`. */
export const waitBounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A quantile over the last five minutes. `le` must survive the sum: without it there is no histogram left. */
export function quantileOf(histogram: string, quantile: number, by: string): string {
  return `histogram_quantile(${quantile}, sum by (${by}, le) (rate(${histogram}_bucket[5m])))`;
}

/** A share. A divisor of 0 would make it infinite, which is above any limit: such series are left out. */
export function ratioOf(part: string, whole: string): string {
  return `${part} / (${whole} > 0)`;
}

/** The value that `share` of the values lie below, between two of them where need be; NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * The spread of values, in their unit: the median absolute deviation, times 1.4826 so that it is the standard deviation
 * where they are normally distributed. One value that is far off does not move it.
 */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return 1.4826 * median(values.map((value) => Math.abs(value - middle)));
}

/** How far a median of `count` values is off, one standard deviation: 1.2533 is √(π/2). */
export function medianError(deviation: number, count: number): number {
  return (1.2533 * deviation) / Math.sqrt(count);
}

/** How well `fitted` explains `values`: 1 is exactly, 0 is no better than their mean. */
export function explained(values: readonly number[], fitted: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const total = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const rest = values.reduce((sum, value, index) => sum + (value - fitted[index]!) ** 2, 0);
  return total === 0 ? 0 : 1 - rest / total;
}

/**
 * The rising sequence that is nearest to the values, by least squares: neighbours that fall are pooled to their mean
 * ("pool adjacent violators", Ayer et al. 1955).
 */
export function rising(values: readonly number[]): number[] {
  const pools: { sum: number; count: number }[] = [];
  for (const value of values) {
    let pool = { sum: value, count: 1 };
    for (let last = pools.at(-1); last !== undefined && mean(last) >= mean(pool); last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  }
  return pools.flatMap((pool) => Array.from({ length: pool.count }, () => mean(pool)));
}

/** The nearest sequence that rises up to one place and falls from there: throughput that collapses is not smoothed away. */
export function risingThenFalling(values: readonly number[]): number[] {
  let best: { readonly fitted: number[]; readonly error: number } | undefined;
  for (let peak = 0; peak <= values.length; peak++) {
    const falling = rising(values.slice(peak).map((value) => -value)).map((value) => -value);
    const fitted = [...rising(values.slice(0, peak)), ...falling];
    const error = values.reduce((sum, value, index) => sum + (value - fitted[index]!) ** 2, 0);
    if (best === undefined || error < best.error) best = { fitted, error };
  }
  return best?.fitted ?? [];
}

function mean({ sum, count }: { readonly sum: number; readonly count: number }): number {
  return sum / count;
}

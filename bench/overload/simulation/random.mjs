// Chance from a seed: the same sequence on every machine.

/**
 * @param {number} seed
 * @returns {() => number} numbers in [0, 1): mulberry32
 */
export function random(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Exponentially distributed with mean 1: the time between arrivals that know nothing of each other.
 *
 * @param {() => number} chance
 */
export function exponential(chance) {
  return -Math.log(1 - chance());
}

/**
 * Log-normally distributed with mean 1 and the coefficient of variation `cv`; always 1 for `cv` 0.
 *
 * @param {() => number} chance
 * @param {number} cv
 */
export function logNormal(chance, cv) {
  if (cv === 0) return 1;
  const variance = Math.log(1 + cv * cv);
  const normal = Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());
  return Math.exp(Math.sqrt(variance) * normal - variance / 2);
}

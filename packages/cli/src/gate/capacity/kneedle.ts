/** Where a curve bends. */
export interface Knee {
  readonly index: number;
  readonly x: number;
  readonly y: number;
  /** How far it is from the straight line between the ends, both axes scaled to 1: 0 is no bend, 1 a right angle. */
  readonly bend: number;
}

/** `rising`: up, then ever less (throughput). `convex`: flat, then ever more (latency). */
export type Shape = "rising" | "convex";

/**
 * Kneedle: Satopää, Albrecht, Irwin, Raghavan, "Finding a 'Kneedle' in a Haystack", 2011. The point farthest above the
 * line between the ends, once the curve has come down from it by the threshold of the paper; of several, the farthest.
 * The points are sorted by x and smooth already. Where the knee lies depends on the range by design.
 */
export function kneedle(
  points: readonly { readonly x: number; readonly y: number }[],
  shape: Shape,
  sensitivity: number = 1,
): Knee | undefined {
  const scaledX = scaled(points.map(({ x }) => x));
  const scaledY = scaled(points.map(({ y }) => y));
  if (points.length < 4 || scaledX === undefined || scaledY === undefined) return undefined;
  // A convex curve lies as far below the line as its mirror image lies above it.
  const above = scaledX.map((x, index) => (shape === "rising" ? scaledY[index]! - x : x - scaledY[index]!));
  const meanStep = 1 / (points.length - 1);
  let best: Knee | undefined;
  above.forEach((bend, index) => {
    const isPeak = bend > (above[index - 1] ?? Number.NEGATIVE_INFINITY) && bend >= (above[index + 1] ?? 0);
    if (!isPeak || bend <= (best?.bend ?? 0)) return;
    const threshold = bend - sensitivity * meanStep;
    const next = above.findIndex((value, at) => at > index && value > bend);
    const until = next === -1 ? above.length : next;
    const isLeft = above.some((value, at) => at > index && at < until && value < threshold);
    if (isLeft) best = { index, x: points[index]!.x, y: points[index]!.y, bend };
  });
  return best;
}

/** From 0 to 1; undefined for values that are all the same. */
function scaled(values: readonly number[]): number[] | undefined {
  const least = Math.min(...values);
  const range = Math.max(...values) - least;
  return range > 0 ? values.map((value) => (value - least) / range) : undefined;
}

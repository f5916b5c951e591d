import { leastSquares } from "./least-squares.ts";
import { explained } from "./statistics.ts";

/** X(N) = γN / (1 + σ(N − 1) + κN(N − 1)). */
export interface UslModel {
  /** Throughput of one client. */
  readonly gamma: number;
  /** Contention: the share of the work that only one can do at a time. */
  readonly sigma: number;
  /** Coherence: what clients cost each other in pairs; above 0 throughput falls at last. */
  readonly kappa: number;
  /** How well it explains the throughput, up to 1. */
  readonly explained: number;
  /** The number of clients with the highest throughput; null when it never falls. */
  readonly peak: number | null;
}

interface UslPoint {
  readonly concurrency: number;
  readonly throughput: number;
}

export function uslThroughput({ gamma, sigma, kappa }: Omit<UslModel, "explained" | "peak">, n: number): number {
  return (gamma * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

/**
 * The Universal Scalability Law: Gunther, "A simple capacity model of massively parallel transaction systems", 1993, and
 * "A general theory of computational scalability based on rational functions", 2008. N/X is linear in γ⁻¹, σγ⁻¹ and
 * κγ⁻¹, so that least squares find them, weighted to relative errors. A coefficient below 0 by no more than twice its
 * own error is 0 (with κ = 0 it is Amdahl's law); below that there is no fit, as the law has no meaning there.
 */
export function fitUsl(points: readonly UslPoint[]): UslModel | undefined {
  const used = points.filter(({ concurrency, throughput }) => concurrency > 0 && throughput > 0);
  let terms = [0, 1, 2];
  for (;;) {
    // A relative error of the throughput is one of N/X: weighing by X/N makes all of them count alike.
    const rows = used.map(({ concurrency: n, throughput }) => terms.map((term) => basis[term]!(n) * (throughput / n)));
    const fit = leastSquares(
      rows,
      rows.map(() => 1),
    )?.map(({ value, error }, index) => ({ value, error, term: terms[index]! }));
    if (fit === undefined) return undefined;
    const one = fit[0]!.value;
    const worst = fit.filter(({ value }) => value < 0).toSorted((a, b) => a.value / a.error - b.value / b.error)[0];
    if (worst === undefined) return modelOf(used, one, new Map(fit.map(({ term, value }) => [term, value / one])));
    const rounding = 1e-9 * Math.abs(one);
    if (worst.term === 0 || worst.value < -2 * worst.error - rounding) return undefined;
    terms = terms.filter((term) => term !== worst.term);
  }
}

const basis: readonly ((n: number) => number)[] = [() => 1, (n) => n - 1, (n) => n * (n - 1)];

function modelOf(points: readonly UslPoint[], one: number, shares: ReadonlyMap<number, number>): UslModel | undefined {
  if (!(one > 0)) return undefined;
  const model = { gamma: 1 / one, sigma: shares.get(1) ?? 0, kappa: shares.get(2) ?? 0 };
  const throughput = points.map((point) => point.throughput);
  const fitted = points.map(({ concurrency }) => uslThroughput(model, concurrency));
  const peak = model.kappa > 0 ? Math.sqrt(Math.max(0, 1 - model.sigma) / model.kappa) : null;
  return { ...model, explained: explained(throughput, fitted), peak };
}

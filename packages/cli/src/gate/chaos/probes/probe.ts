import type { ProbeConfig } from "../../config/chaos-section.ts";
import { Deadline } from "../deadline.ts";

/** What was seen at one moment. */
export interface Sample {
  readonly ok: boolean;
  /** How long it took in milliseconds, or what the kind of probe measures; null when there is nothing to measure. */
  readonly value: number | null;
  /** Nothing came until the time was over, or nobody waited any more; `value` is how long that was. */
  readonly timedOut: boolean;
  /** Nobody waited any more: it had neither succeeded nor failed. */
  readonly cut: boolean;
  /** In words, without secrets. */
  readonly detail: string;
}

export interface Probe {
  readonly name: string;
  sample(signal: AbortSignal): Promise<Sample>;
  close(): Promise<void>;
}

export interface ProbeContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the configuration: clients that the user installed are looked for from there. */
  readonly folder: string;
}

export type ProbeFactory = (config: Readonly<Record<string, unknown>>, context: ProbeContext) => Probe;

const bounds = ["minMs", "maxMs", "minPerSecond", "maxPerSecond", "min", "max", "fails"] as const;

/** What a probe's answer is compared with; written beside `probe` or below `tolerance`. */
export type Bounds = Readonly<Partial<Record<(typeof bounds)[number], number | boolean>>>;

export function isBound(key: string): boolean {
  return (bounds as readonly string[]).includes(key);
}

export function boundsOf(config: ProbeConfig): Bounds {
  const tolerance = typeof config["tolerance"] === "object" ? config["tolerance"] : {};
  const all: Readonly<Record<string, unknown>> = { ...config, ...tolerance };
  return Object.fromEntries(bounds.filter((key) => all[key] !== undefined).map((key) => [key, all[key]]));
}

/** Whether a sample is as the bounds say; without any, whether the probe succeeded. */
export function holds(limits: Bounds, { ok, value, timedOut, cut }: Sample): boolean {
  if (limits["fails"] === true) return !ok && !cut;
  const least = Math.max(...(["minMs", "minPerSecond", "min"] as const).map((key) => numberOf(limits[key], -Infinity)));
  const most = Math.min(...(["maxMs", "maxPerSecond", "max"] as const).map((key) => numberOf(limits[key], Infinity)));
  // Who waited for three seconds in vain has seen a delay of at least two.
  if (!ok) return timedOut && limits["minMs"] !== undefined && most === Infinity && (value ?? 0) >= least;
  if (least === -Infinity && most === Infinity) return true;
  return value !== null && value >= least && value <= most;
}

function numberOf(bound: number | boolean | undefined, otherwise: number): number {
  return typeof bound === "number" ? bound : otherwise;
}

/** Runs `task` with a deadline; how long it took is the value. */
export async function timed(
  timeoutMs: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<string>,
): Promise<Sample> {
  const start = performance.now();
  const deadline = new Deadline(signal, timeoutMs);
  const both = deadline.signal;
  const elapsed = (): number => Math.round(performance.now() - start);
  try {
    const detail = await Promise.race([task(both), rejection(both)]);
    return { ok: true, value: elapsed(), timedOut: false, cut: false, detail: `${detail} in ${elapsed()} ms` };
  } catch (error) {
    // Also when the fault ended while it waited: it had no answer for so long.
    const timedOut = both.aborted;
    const why = timedOut ? `no answer within ${elapsed()} ms` : reasonOf(error);
    return { ok: false, value: timedOut ? elapsed() : null, timedOut, cut: signal.aborted, detail: why };
  } finally {
    deadline.end();
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(new Error("stopped"));
    else signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
  });
}

export function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  const inner = cause instanceof Error ? cause : error;
  const code = (inner as { readonly code?: unknown } | null)?.code;
  const text = inner instanceof Error ? inner.message : String(inner);
  const said = text === "" && typeof code === "string" ? code : text;
  // Clients put the address into what they throw, with the password that stands in it.
  return said.replaceAll(/(\w+:\/\/)[^@\s/]*@/g, "$1***@").slice(0, 300);
}

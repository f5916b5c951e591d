import { exitCode } from "../exit-code.ts";
import type { Tally } from "./tally.ts";

/** Why a run ended before all of its input was done. */
export type StopCause = "deadline" | "interrupted" | "output-closed" | "write-failed";

/** The result of a run: what `--json` prints. Documented in docs/fetch.md. */
export interface FetchSummary {
  /** Requests with an outcome: the sum of the next four. */
  readonly total: number;
  readonly ok: number;
  readonly failed: number;
  readonly fallback: number;
  readonly skipped: number;
  /** Input lines that are no requests. */
  readonly invalid: number;
  /** Requests that an earlier run had completed. */
  readonly resumed: number;
  /** Attempts beyond the first of each request. */
  readonly retries: number;
  /** Of all bodies, decompressed. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly elapsed: number;
  /** Whether any answer came from the cache; then how old the oldest is, in milliseconds. */
  readonly degraded: boolean;
  readonly oldest?: number;
  /** How often each error code occurs among the outcomes. */
  readonly errors: Readonly<Record<string, number>>;
  readonly stopped: StopCause | null;
  /** Whether all input was read. */
  readonly inputComplete: boolean;
  readonly exitCode: number;
}

export interface RunEnd {
  readonly stopped: StopCause | null;
  /** Of a run that was interrupted. */
  readonly interruptCode: number;
  readonly inputComplete: boolean;
  readonly elapsed: number;
}

export function summarize(tally: Tally, end: RunEnd): FetchSummary {
  const { ok, failed, fallback, skipped } = tally.byStatus;
  const byFrequency = [...tally.byError].toSorted(([, a], [, b]) => b - a);
  return {
    total: tally.total,
    ok,
    failed,
    fallback,
    skipped,
    invalid: tally.invalid,
    resumed: tally.resumed,
    retries: tally.retries,
    bytes: tally.bytes,
    elapsed: Math.round(end.elapsed),
    degraded: fallback > 0,
    ...(fallback > 0 ? { oldest: tally.oldest } : {}),
    errors: Object.fromEntries(byFrequency),
    stopped: end.stopped,
    inputComplete: end.inputComplete,
    exitCode: exitCodeOf(tally, end),
  };
}

function exitCodeOf(tally: Tally, { stopped, interruptCode, inputComplete }: RunEnd): number {
  if (stopped === "interrupted") return interruptCode;
  if (stopped === "output-closed") return exitCode.outputClosed;
  const { failed, skipped } = tally.byStatus;
  const complete = stopped === null && inputComplete;
  return complete && failed + skipped + tally.invalid + tally.broken === 0 ? exitCode.ok : exitCode.failed;
}

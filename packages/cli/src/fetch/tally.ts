import type { Outcome } from "./outcome.ts";

/** Counts what became of the requests, in memory that does not grow with their number. */
export class Tally {
  readonly byStatus: Record<Outcome["status"], number> = { ok: 0, failed: 0, fallback: 0, skipped: 0 };
  readonly byError: Map<string, number> = new Map<string, number>();
  /** Failures that the cache may still answer. */
  held = 0;
  invalid = 0;
  resumed = 0;
  /** Inputs that broke off. */
  broken = 0;
  retries = 0;
  bytes = 0;
  oldest = 0;

  count(outcome: Outcome): void {
    this.byStatus[outcome.status]++;
    this.retries += Math.max(0, outcome.attempts - 1);
    if (outcome.status === "ok" || outcome.status === "fallback") this.bytes += outcome.bytes ?? 0;
    if (outcome.age !== undefined) this.oldest = Math.max(this.oldest, outcome.age);
    const code = outcome.error?.code;
    if (code !== undefined) this.byError.set(code, (this.byError.get(code) ?? 0) + 1);
  }

  /** Requests with an outcome. */
  get total(): number {
    const { ok, failed, fallback, skipped } = this.byStatus;
    return ok + failed + fallback + skipped;
  }

  /** Calls that were made and have ended. */
  get settled(): number {
    return this.total - this.byStatus.skipped + this.held;
  }
}

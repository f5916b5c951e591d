import { createLogUpdate } from "log-update";
import { createColors } from "picocolors";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import type { HttpClient } from "./http-client.ts";
import type { RequestSource } from "./request-source.ts";
import { showDuration } from "./summary-text.ts";
import { wantsColor } from "./terminal.ts";
import type { Tally } from "./tally.ts";

const interval = 100;
const barWidth = 24;

/** A line at the bottom of the terminal that says how far the run is. */
export class Progress {
  readonly #draw: ReturnType<typeof createLogUpdate>;
  readonly #notes: Notes;
  readonly #meter: ProgressMeter;
  readonly #timer: NodeJS.Timeout;

  constructor(io: Io, notes: Notes, tally: Tally, source: RequestSource, client: HttpClient) {
    // The cursor stays: hiding it would hook into the signals of the process to bring it back.
    this.#draw = createLogUpdate(io.stderr, { showCursor: true });
    this.#notes = notes;
    this.#meter = new ProgressMeter(tally, source, client, wantsColor(io));
    notes.beforeLine = () => this.clear();
    this.#timer = setInterval(() => this.#draw(this.#meter.line(performance.now())), interval);
  }

  /** Takes the line away until it is next drawn. */
  clear(): void {
    this.#draw.clear();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#notes.beforeLine = () => {};
    this.#draw.clear();
    this.#draw.done();
  }
}

/** What the line says: pure, so that it can be tested without a terminal. */
export class ProgressMeter {
  readonly #tally: Tally;
  readonly #source: Pick<RequestSource, "bytesRead" | "bytesTotal" | "requestsRead">;
  readonly #client: Pick<HttpClient, "live">;
  readonly #colors: ReturnType<typeof createColors>;
  #rate: number | undefined;
  #last: { at: number; settled: number } | undefined;

  constructor(
    tally: Tally,
    source: Pick<RequestSource, "bytesRead" | "bytesTotal" | "requestsRead">,
    client: Pick<HttpClient, "live">,
    color: boolean,
  ) {
    this.#tally = tally;
    this.#source = source;
    this.#client = client;
    this.#colors = createColors(color);
  }

  /** `now`: milliseconds of a monotonic clock. */
  line(now: number): string {
    const { settled, held } = this.#tally;
    const { live } = this.#client;
    const failed = this.#tally.byStatus.failed + held;
    this.#measure(now, settled);
    const total = this.#estimate(settled + live);
    const rate = this.#rate ?? 0;
    const left = total === undefined || rate === 0 ? undefined : ((total - settled) / rate) * 1000;
    return [
      ...(total === undefined ? [] : [this.#bar(total === 0 ? 0 : settled / total)]),
      total === undefined ? `${settled} done` : `${settled}/${total}`,
      `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`,
      `${live} in flight`,
      failed > 0 ? this.#colors.red(`${failed} failed`) : "0 failed",
      ...(left === undefined ? [] : [`ETA ${showDuration(left)}`]),
    ].join("  ");
  }

  /** Follows the rate of the last seconds. */
  #measure(now: number, settled: number): void {
    if (this.#last !== undefined && now > this.#last.at) {
      const current = ((settled - this.#last.settled) * 1000) / (now - this.#last.at);
      const weight = Math.min(1, (now - this.#last.at) / 3000);
      this.#rate = this.#rate === undefined ? current : this.#rate + (current - this.#rate) * weight;
    }
    this.#last = { at: now, settled };
  }

  /** The number of requests is not known before all input is read: what was read stands for the rest. */
  #estimate(least: number): number | undefined {
    const { bytesRead, bytesTotal, requestsRead } = this.#source;
    if (bytesTotal === undefined || bytesRead === 0) return undefined;
    return Math.max(least, Math.round((requestsRead * bytesTotal) / bytesRead));
  }

  #bar(share: number): string {
    const full = Math.round(Math.min(1, share) * barWidth);
    return `${this.#colors.cyan("█".repeat(full))}${this.#colors.dim("░".repeat(barWidth - full))} ${Math.floor(share * 100)}%`;
  }
}

import path from "node:path";
import type { BatchOutcome } from "snowshed";
import { batch, Context } from "snowshed";
import { exitCodeOfSignal } from "../exit-code.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { describeSystemError } from "../system-error.ts";
import type { Answer } from "./exchange.ts";
import { FetchFailure, toEnding, toFailure } from "./failure.ts";
import type { HeldFailure } from "./held-failures.ts";
import { HostScheduler } from "./host-scheduler.ts";
import { HttpClient } from "./http-client.ts";
import { isClosed, LineWriter } from "./line-writer.ts";
import type { FetchOptions } from "./options.ts";
import type { Outcome } from "./outcome.ts";
import { failedOutcome, okOutcome, skippedOutcome } from "./outcome.ts";
import type { Progress } from "./progress.ts";
import type { FetchRequest } from "./request.ts";
import { RequestParser } from "./request.ts";
import { RequestSource } from "./request-source.ts";
import { retryPolicy } from "./retry-policy.ts";
import { RunFolders } from "./run-folders.ts";
import type { FetchSummary, StopCause } from "./summary.ts";
import { summarize } from "./summary.ts";
import { Tally } from "./tally.ts";
import { wantsProgress } from "./terminal.ts";

/** Read ahead while hosts have no free place: this much at most, so memory does not depend on the input. */
const window = { requests: 10_000, bytes: 16 * 1024 * 1024 };

/** `watch` sees each outcome as it is reported. Throws `UsageError` when the run cannot begin. */
export async function runFetch(
  options: FetchOptions,
  io: Io,
  notes: Notes,
  watch?: (outcome: Outcome) => void,
): Promise<FetchSummary> {
  const run = new FetchRun(options, io, notes, watch);
  return run.run();
}

class FetchRun {
  readonly #options: FetchOptions;
  readonly #io: Io;
  readonly #notes: Notes;
  readonly #watch: ((outcome: Outcome) => void) | undefined;
  readonly #tally = new Tally();
  readonly #context = Context.background.withCancel();
  readonly #output: LineWriter;
  #stopped: StopCause | null = null;
  #source!: RequestSource;
  #scheduler!: HostScheduler;
  #folders!: RunFolders;
  #client!: HttpClient;
  #started = 0;

  constructor(options: FetchOptions, io: Io, notes: Notes, watch: ((outcome: Outcome) => void) | undefined) {
    this.#options = options;
    this.#io = io;
    this.#notes = notes;
    this.#watch = watch;
    this.#output = new LineWriter(io.stdout, (error) => this.#outputFailed(error));
  }

  async run(): Promise<FetchSummary> {
    const { interrupt } = this.#io;
    await this.#open();
    const progress = this.#options.progress && wantsProgress(this.#io) ? await this.#showProgress() : undefined;
    const onInterrupt = (): void => this.#stop("interrupted");
    interrupt?.addEventListener("abort", onInterrupt);
    if (interrupt?.aborted === true) onInterrupt();
    try {
      await this.#makeCalls();
      await this.#skipRest();
      await this.#settleHeld();
      await this.#output.flush();
    } finally {
      interrupt?.removeEventListener("abort", onInterrupt);
      progress?.stop();
      this.#output.detach();
      this.#context.cancel();
      this.#source.close();
      await this.#client.close();
      await this.#folders.close();
    }
    return summarize(this.#tally, {
      stopped: this.#stopped,
      interruptCode: exitCodeOfSignal(interrupt?.reason),
      inputComplete: this.#scheduler.sourceEnded,
      elapsed: performance.now() - this.#started,
    });
  }

  async #open(): Promise<void> {
    const { inputs, defaults, perHost, timeout, maxBody, maxRedirects } = this.#options;
    this.#source = await RequestSource.open(inputs, this.#io, new RequestParser(defaults), {
      invalid: (place, reason) => {
        this.#tally.invalid++;
        return this.#notes.say(`${place}: ${reason}`);
      },
      broken: (place, reason) => {
        this.#tally.broken++;
        return this.#notes.say(`cannot read ${place} any further: ${reason}`);
      },
      skips: (request) => {
        const done = this.#folders.completed(request);
        if (done) this.#tally.resumed++;
        return done;
      },
    });
    try {
      this.#folders = await RunFolders.open(this.#options, {
        failed: (what, error) => this.#writeFailed(`cannot write ${what}: ${describeSystemError(error)}`),
        warn: (message) => void this.#notes.say(message),
      });
    } catch (error) {
      this.#source.close();
      throw error;
    }
    this.#scheduler = new HostScheduler(this.#source.requests(), { perHost, window });
    this.#client = new HttpClient({
      perHost,
      connectTimeout: timeout,
      maxBody,
      maxRedirects,
      openSink: this.#folders.keepsBodies
        ? (request, httpStatus) => this.#folders.sink(request, httpStatus)
        : undefined,
    });
  }

  async #makeCalls(): Promise<void> {
    const { concurrency, timeout, deadline, retries } = this.#options;
    this.#started = performance.now();
    await batch(this.#scheduler, (request, context) => this.#client.attempt(request, context), {
      concurrency,
      timeout,
      deadline,
      retry: retryPolicy(retries),
      signal: this.#context,
      collect: false,
      onSettled: (outcome) => this.#settle(outcome),
    });
    // Nothing is waited for any more; attempts that were cut off now take back what they had begun.
    if (!this.#scheduler.exhausted) this.#stopped ??= "deadline";
    this.#context.cancel();
    this.#scheduler.close();
    this.#source.close();
    await this.#client.close();
  }

  #settle(outcome: BatchOutcome<FetchRequest, Answer>): Promise<void> | undefined {
    const { input: request, status, value, error } = outcome;
    this.#scheduler.release(request);
    if (status === "ok")
      return this.#report(
        okOutcome(request, value!, outcome, this.#folders.file(request)),
        this.#folders.journalKey(request),
      );
    const failure = this.#failure(error);
    if (status === "skipped") return this.#report(skippedOutcome(request, failure));
    if (failure.code === "WRITE_FAILED") this.#writeFailed(failure.message);
    const failed = failedOutcome(request, failure, outcome);
    const held = this.#folders.hold(request, failed);
    if (held === undefined) return this.#report(failed);
    this.#tally.held++;
    return held.written;
  }

  #failure(error: unknown): FetchFailure {
    const overall = performance.now() - this.#started >= this.#options.deadline;
    const failure = toEnding(error, overall) ?? toFailure(error, false);
    if (failure.code === "DEADLINE") this.#stopped ??= "deadline";
    return failure;
  }

  /** With a `journalKey` the request counts as completed once its outcome has been handed on. */
  #report(outcome: Outcome, journalKey?: string): Promise<void> | undefined {
    this.#tally.count(outcome);
    this.#watch?.(outcome);
    const complete = journalKey === undefined ? undefined : () => void this.#folders.complete(journalKey);
    if (!this.#options.json) return this.#output.write(JSON.stringify(outcome), complete);
    complete?.();
    return undefined;
  }

  /** What was read and never started, because the run ended before. */
  async #skipRest(): Promise<void> {
    const failure =
      this.#stopped === "deadline"
        ? new FetchFailure("DEADLINE", "the deadline of the run passed before it was its turn")
        : new FetchFailure("CANCELED", "the run was stopped before it was its turn");
    for (const request of this.#scheduler.leftover()) await this.#report(skippedOutcome(request, failure));
  }

  /** All calls have ended, so it is known whether the cache answers for those that failed. */
  async #settleHeld(): Promise<void> {
    const failed = this.#tally.held;
    const degraded = failed > this.#options.fallbackThreshold * (failed + this.#tally.byStatus.ok);
    // Nobody waits for stand-ins of a run that was broken off.
    const answers = degraded && (this.#stopped === null || this.#stopped === "deadline");
    for await (const held of this.#folders.held()) {
      const outcome = answers ? await this.#fallback(held) : held.outcome;
      this.#tally.held--;
      await this.#report(outcome);
    }
  }

  async #fallback(held: HeldFailure): Promise<Outcome> {
    try {
      const cached = await this.#folders.restore(held);
      if (cached === undefined) return held.outcome;
      const { httpStatus, bytes, age } = cached;
      const file = this.#options.output === undefined ? {} : { file: path.join(this.#options.output, held.fileName) };
      return { ...held.outcome, status: "fallback", httpStatus, bytes, age, ...file };
    } catch (error) {
      this.#writeFailed(error instanceof Error ? error.message : String(error));
      return held.outcome;
    }
  }

  async #showProgress(): Promise<Progress> {
    // Only for those who see it: it takes as long to load as a short run.
    const { Progress } = await import("./progress.ts");
    const progress = new Progress(this.#io, this.#notes, this.#tally, this.#source, this.#client);
    if (this.#io.stdout.isTTY === true) this.#output.beforeChunk = () => progress.clear();
    return progress;
  }

  /** The first cause counts. Calls under way are aborted, nothing new begins. */
  #stop(cause: StopCause): void {
    this.#stopped ??= cause;
    this.#context.cancel(cause);
  }

  #outputFailed(error: Error): void {
    if (isClosed(error)) this.#stop("output-closed");
    else this.#writeFailed(`cannot write the outcomes to stdout: ${describeSystemError(error)}`);
  }

  /** Says the first one: on a full disk all others follow. */
  #writeFailed(message: string): void {
    if (this.#stopped === "write-failed") return;
    this.#stop("write-failed");
    void this.#notes.say(message);
  }
}

import path from "node:path";
import { makeFolder } from "../make-folder.ts";
import { describeSystemError } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import type { CachedAnswer } from "./answer-cache.ts";
import { AnswerCache } from "./answer-cache.ts";
import { BodyFile, sweepParts } from "./body-file.ts";
import type { BodySink } from "./body-sink.ts";
import { TeeSink } from "./body-sink.ts";
import { bodyFileName } from "./file-name.ts";
import type { HeldFailure } from "./held-failures.ts";
import { HeldFailures } from "./held-failures.ts";
import { Journal } from "./journal.ts";
import type { FetchOptions } from "./options.ts";
import type { Outcome } from "./outcome.ts";
import type { FetchRequest } from "./request.ts";
import { answerKey, requestKey } from "./request-key.ts";

export interface FolderEvents {
  /** Results cannot be kept any more: the run makes no sense. */
  failed(what: string, error: Error): void;
  /** Something that the run can do without. */
  warn(message: string): void;
}

interface Parts {
  readonly output: string | undefined;
  readonly journal: Journal | undefined;
  readonly cache: AnswerCache | undefined;
  readonly heldFailures: HeldFailures | undefined;
}

/** What a run keeps on disk: bodies and journal in the output folder, answers in the cache folder. Each is optional. */
export class RunFolders {
  readonly #parts: Parts;
  /** Whether any body is to be kept. */
  readonly keepsBodies: boolean;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.keepsBodies = parts.output !== undefined || parts.cache !== undefined;
  }

  /** Throws `UsageError` when a folder cannot be used. */
  static async open(options: FetchOptions, events: FolderEvents): Promise<RunFolders> {
    const { output, cache, resume } = options;
    let journal: Journal | undefined;
    if (output !== undefined) {
      try {
        await makeFolder(output, 0o777);
        await sweepParts(output);
      } catch (error) {
        throw new UsageError(`cannot write in ${output}: ${describeSystemError(error)}`);
      }
      journal = await Journal.open(output, resume, (error) => events.failed("the journal", error));
    }
    if (cache === undefined) return new RunFolders({ output, journal, cache: undefined, heldFailures: undefined });
    const answers = await AnswerCache.open(cache, events.warn);
    const heldFailures = await HeldFailures.open(cache, (error) =>
      events.failed("the failures that are held back", error),
    );
    return new RunFolders({ output, journal, cache: answers, heldFailures });
  }

  /** Whether an earlier run has completed it. */
  completed(request: FetchRequest): boolean {
    const completed = this.#parts.journal?.completed;
    return completed !== undefined && completed.size > 0 && completed.has(requestKey(request));
  }

  /** Where the body of the request is, or will be. */
  file(request: FetchRequest): string | undefined {
    const { output } = this.#parts;
    return output === undefined ? undefined : path.join(output, bodyFileName(request));
  }

  sink(request: FetchRequest, httpStatus: number): BodySink | undefined {
    const file = this.file(request);
    const sinks = [
      ...(file === undefined ? [] : [new BodyFile(file, 0o666)]),
      this.#parts.cache?.sink(answerKey(request), httpStatus),
    ].filter((sink) => sink !== undefined);
    return sinks.length > 1 ? new TeeSink(sinks) : sinks[0];
  }

  journalKey(request: FetchRequest): string | undefined {
    return this.#parts.journal === undefined ? undefined : requestKey(request);
  }

  complete(key: string): Promise<void> | undefined {
    return this.#parts.journal?.append(key);
  }

  /** Keeps a failure back that the cache may answer; `undefined` without a cache. */
  hold(request: FetchRequest, outcome: Outcome): { readonly written: Promise<void> | undefined } | undefined {
    const { heldFailures } = this.#parts;
    if (heldFailures === undefined) return undefined;
    const held = { outcome, answerKey: answerKey(request), fileName: bodyFileName(request) };
    return { written: heldFailures.add(held) };
  }

  async *held(): AsyncGenerator<HeldFailure> {
    if (this.#parts.heldFailures !== undefined) yield* this.#parts.heldFailures.all();
  }

  /** The cached answer for a failed request, its body in the output folder if there is one. */
  async restore(held: HeldFailure): Promise<CachedAnswer | undefined> {
    const { cache, output } = this.#parts;
    const cached = await cache?.find(held.answerKey);
    if (cached !== undefined && output !== undefined) {
      await cached.copyTo(new BodyFile(path.join(output, held.fileName), 0o666));
    }
    return cached;
  }

  async close(): Promise<void> {
    await this.#parts.heldFailures?.close();
    await this.#parts.journal?.close();
  }
}

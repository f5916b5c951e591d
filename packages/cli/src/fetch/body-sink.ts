import type { FetchFailure } from "./failure.ts";

/** Where the body of one answer goes. What it has shows under its final name only after `commit`. */
export interface BodySink {
  /** `false`: take a break until `drained` is called. */
  write(chunk: Buffer): boolean;
  /** All of it was written: it may show. */
  commit(): Promise<void>;
  /** The answer came to nothing: leaves no trace. */
  discard(): Promise<void>;
  /** Set by whoever writes. */
  drained: () => void;
  /** Set by whoever writes: called at most once, when what was written cannot be kept. */
  failed: (failure: FetchFailure) => void;
}

/** Writes the same body to several places. */
export class TeeSink implements BodySink {
  readonly #sinks: readonly BodySink[];
  readonly #behind = new Set<BodySink>();
  #failed = false;
  drained: () => void = () => {};
  failed: (failure: FetchFailure) => void = () => {};

  constructor(sinks: readonly BodySink[]) {
    this.#sinks = sinks;
    for (const sink of sinks) {
      sink.drained = () => {
        if (this.#behind.delete(sink) && this.#behind.size === 0) this.drained();
      };
      sink.failed = (failure) => {
        if (!this.#failed) this.failed(failure);
        this.#failed = true;
      };
    }
  }

  write(chunk: Buffer): boolean {
    for (const sink of this.#sinks) if (!sink.write(chunk)) this.#behind.add(sink);
    return this.#behind.size === 0;
  }

  async commit(): Promise<void> {
    for (const sink of this.#sinks) await sink.commit();
  }

  async discard(): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.discard()));
  }
}

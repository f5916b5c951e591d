import type { Writable } from "node:stream";

/** What becomes of all that is written to a stream, whoever writes it and however. */
export class OutputEnd {
  readonly #stream: Writable;
  #failure: Error | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on("error", this.#onError);
  }

  /**
   * Resolves when the reader has taken everything, or reads no more. Answers why something could not be written, such as
   * to a file on a disk that is full; that nobody reads any more, as with `| head -1`, is no failure.
   */
  async taken(): Promise<Error | undefined> {
    const stream = this.#stream;
    if (stream.writableLength > 0 && !stream.destroyed) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          stream.off("close", end);
          resolve();
        };
        stream.on("close", end);
        stream.write("", end);
      });
    }
    // What a file refuses is told in the next round.
    await new Promise((resolve) => setImmediate(resolve));
    stream.off("error", this.#onError);
    return this.#failure;
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    const { code = "" } = error;
    if (code !== "EPIPE" && !code.startsWith("ERR_STREAM_")) this.#failure ??= error;
  };
}

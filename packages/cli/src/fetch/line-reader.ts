/** A line of an input, without its line break. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** `undefined` when it is longer than allowed: then it was not kept. */
  readonly text: string | undefined;
  /** Bytes it took in the input. */
  readonly bytes: number;
}

const lineFeed = 10;

/**
 * Cuts a stream into lines, in memory bounded by one chunk and `longest` bytes, however long the stream or a line is.
 * Takes `\n` and `\r\n`, a last line without line break, and a byte order mark.
 */
export async function* readLines(chunks: AsyncIterable<Buffer | string>, longest: number): AsyncGenerator<Line> {
  const pending = new PendingLine(longest);
  let number = 0;
  for await (const piece of chunks) {
    const chunk = typeof piece === "string" ? Buffer.from(piece) : piece;
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      pending.add(chunk.subarray(start, end));
      start = end + 1;
      yield pending.take(++number, 1);
    }
    if (start < chunk.length) pending.add(chunk.subarray(start));
  }
  if (pending.bytes > 0) yield pending.take(++number, 0);
}

/** The pieces of a line of which the end has not come yet. */
class PendingLine {
  readonly #longest: number;
  #pieces: Buffer[] = [];
  bytes = 0;

  constructor(longest: number) {
    this.#longest = longest;
  }

  add(piece: Buffer): void {
    this.bytes += piece.length;
    if (this.bytes > this.#longest) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  take(number: number, lineBreak: number): Line {
    const bytes = this.bytes + lineBreak;
    const text = this.bytes > this.#longest ? undefined : this.#decode(number);
    this.#pieces = [];
    this.bytes = 0;
    return { number, text, bytes };
  }

  #decode(number: number): string {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    const text = whole.toString("utf8");
    const marked = number === 1 && text.startsWith("\uFEFF") ? text.slice(1) : text;
    return marked.endsWith("\r") ? marked.slice(0, -1) : marked;
  }
}

type Source<Input> = Iterable<Input> | AsyncIterable<Input>;
type Read<Input> = IteratorResult<Input, undefined>;

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The inputs of a batch, given out one at a time. Unlike their source they can be asked whether there are more: when
 * every place is taken by a body that outlives its call, nobody else would find out that there are none.
 *
 * @internal
 */
export class BatchInputs<Input> {
  readonly #source: Source<Input>;
  readonly #onEnd: () => void;
  readonly #onError: (error: unknown) => void;
  #iterator: Iterator<Input> | AsyncIterator<Input> | undefined;
  #read: () => Read<Input> | Promise<Read<Input>> = () => end;
  /** What was read ahead, or is being read. */
  #ahead: Read<Input> | Promise<Read<Input>> | undefined;
  #reading = false;
  #ended = false;

  constructor(source: Source<Input>, onEnd: () => void, onError: (error: unknown) => void) {
    this.#source = source;
    this.#onEnd = onEnd;
    this.#onError = onError;
  }

  /** To be read once. An error of the source goes to `onError`, and ends it. */
  get iterable(): Source<Input> {
    const { [Symbol.asyncIterator]: asynchronous } = this.#source as AsyncIterable<Input>;
    if (typeof asynchronous === "function") return { [Symbol.asyncIterator]: () => this.#openAsynchronous() };
    return { [Symbol.iterator]: () => this.#openSynchronous() };
  }

  /** Reads one input ahead, unless that is done or under way. `onEnd` is called if there is none. */
  lookAhead(): void {
    if (!this.#ended && !this.#reading) this.#ahead ??= this.#read();
  }

  /** Closes the source unless it has ended. Nobody waits for that: it may never answer, and the report is due. */
  close(): IteratorReturnResult<undefined> {
    if (!this.#ended) {
      this.#ended = true;
      void closed(this.#iterator);
    }
    return end;
  }

  /** What is left of a list from `index` on; nothing of any other source. */
  rest(index: number): readonly Input[] {
    if (Array.isArray(this.#source)) return (this.#source as readonly Input[]).slice(index);
    return this.#source instanceof Set ? [...(this.#source as ReadonlySet<Input>)].slice(index) : [];
  }

  #openSynchronous(): Iterator<Input> {
    const iterator = (this.#source as Iterable<Input>)[Symbol.iterator]();
    this.#iterator = iterator;
    this.#read = () => {
      try {
        return this.#receive(iterator.next());
      } catch (error) {
        return this.#fail(error);
      }
    };
    return { next: () => this.#next() as Read<Input>, return: () => this.close() };
  }

  #openAsynchronous(): AsyncIterator<Input> {
    const iterator = (this.#source as AsyncIterable<Input>)[Symbol.asyncIterator]();
    this.#iterator = iterator;
    this.#read = async () => {
      this.#reading = true;
      try {
        return this.#receive(await iterator.next());
      } catch (error) {
        return this.#fail(error);
      } finally {
        this.#reading = false;
      }
    };
    return { next: async () => this.#next(), return: async () => this.close() };
  }

  #next(): Read<Input> | Promise<Read<Input>> {
    const read = this.#ahead ?? this.#read();
    this.#ahead = undefined;
    return read;
  }

  #receive(read: IteratorResult<Input>): Read<Input> {
    if (!read.done) return read;
    this.#ended = true;
    this.#onEnd();
    return end;
  }

  #fail(error: unknown): Read<Input> {
    this.#ended = true;
    this.#onError(error);
    return end;
  }
}

async function closed(iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // Everything that was wanted of the source has been read.
  }
}

/** Items of one key that are being worked on; nothing else of the key is until `finish()`. */
export interface Turn<Item> {
  /** In the order they came; at least one. */
  readonly items: readonly Item[];
}

interface Line<Item> extends Turn<Item> {
  readonly key: string | undefined;
  readonly waiting: Item[];
  items: Item[];
  /** Where the first of `waiting` is: a shift of a long array moves all of it. */
  head: number;
}

/**
 * Items of the same key in the order they came, one turn at a time; items of different keys in any number at once. Whose turn it
 * is next: the key that has waited longest. An item without a key has an order with nobody.
 *
 * @internal
 */
export class KeyOrderedQueue<Item> {
  /** Of the keys that have items, waiting or in a turn. */
  readonly #lines = new Map<string, Line<Item>>();
  #ready: Line<Item>[] = [];
  #firstReady = 0;
  #size = 0;

  /** How many wait, for their turn or for the one before them. */
  get size(): number {
    return this.#size;
  }

  get hasReady(): boolean {
    return this.#firstReady < this.#ready.length;
  }

  add(key: string | undefined, item: Item): void {
    this.#size++;
    const existing = key === undefined ? undefined : this.#lines.get(key);
    if (existing !== undefined) {
      existing.waiting.push(item);
      return;
    }
    const line: Line<Item> = { key, waiting: [item], items: [], head: 0 };
    if (key !== undefined) this.#lines.set(key, line);
    this.#ready.push(line);
  }

  /** The next turn, of at most `limit` items; `isAlone`: of those that must have a turn for themselves. */
  take(limit: number = 1, isAlone: (item: Item) => boolean = () => false): Turn<Item> | undefined {
    const line = this.#ready[this.#firstReady];
    if (line === undefined) return undefined;
    this.#firstReady++;
    if (this.#firstReady > 1024 && this.#firstReady * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#firstReady);
      this.#firstReady = 0;
    }
    const { waiting, head } = line;
    let end = head + 1;
    if (!isAlone(waiting[head]!)) {
      while (end < waiting.length && end - head < limit && !isAlone(waiting[end]!)) end++;
    }
    line.items = waiting.slice(head, end);
    line.head = end;
    if (end > 1024 && end * 2 > waiting.length) {
      waiting.splice(0, end);
      line.head = 0;
    }
    this.#size -= line.items.length;
    return line;
  }

  /** The turn is over. What is not done has the next turn of the key, before all that came later. */
  finish(turn: Turn<Item>, undone: readonly Item[] = []): void {
    const line = turn as Line<Item>;
    line.items = [];
    if (undone.length > 0) {
      line.waiting.splice(0, line.head, ...undone);
      line.head = 0;
      this.#size += undone.length;
    }
    if (line.head < line.waiting.length) this.#ready.push(line);
    else if (line.key !== undefined) this.#lines.delete(line.key);
  }
}

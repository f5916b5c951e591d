export type SourceKind = "synchronous" | "asynchronous";

export interface CountedSource<Item> {
  opened: number;
  /** Items given out. */
  pulled: number;
  /** Calls of `return()`. */
  closed: number;
  /** Calls of `next()` that have not been answered. */
  asking: number;
  mostAsking: number;
  readonly iterable: Iterable<Item> & AsyncIterable<Item>;
}

/**
 * A source that counts what is done to it. It is written without a generator, which would hide a second `return()` and
 * a second `next()` at the same time. Every read gives a new item until `item` says `undefined`.
 */
export function countedSource<Item>(
  kind: SourceKind,
  item: (index: number) => Item | undefined | PromiseLike<Item | undefined>,
): CountedSource<Item> {
  let index = 0;
  const finish = (value: Item | undefined): IteratorResult<Item, undefined> => {
    if (value === undefined) return { done: true, value: undefined };
    source.pulled++;
    return { done: false, value };
  };
  const synchronous = (): Iterator<Item> => {
    source.opened++;
    return {
      next: () => finish(item(index++) as Item | undefined),
      return: () => {
        source.closed++;
        return { done: true, value: undefined };
      },
    };
  };
  const asynchronous = (): AsyncIterator<Item> => {
    source.opened++;
    return {
      next: async () => {
        source.mostAsking = Math.max(source.mostAsking, ++source.asking);
        try {
          return finish(await item(index++));
        } finally {
          source.asking--;
        }
      },
      return: async () => {
        source.closed++;
        return { done: true, value: undefined };
      },
    };
  };
  const iterable =
    kind === "synchronous" ? { [Symbol.iterator]: synchronous } : { [Symbol.asyncIterator]: asynchronous };
  const source: CountedSource<Item> = {
    opened: 0,
    pulled: 0,
    closed: 0,
    asking: 0,
    mostAsking: 0,
    // Only one of the two is there: the type lets one test serve both kinds.
    iterable: iterable as unknown as CountedSource<Item>["iterable"],
  };
  return source;
}

export const sourceKinds: readonly SourceKind[] = ["synchronous", "asynchronous"];

/** A source of 0, 1, … up to but without `count`. */
export function numbers(kind: SourceKind, count: number = Number.POSITIVE_INFINITY): CountedSource<number> {
  return countedSource(kind, (index) => (index < count ? index : undefined));
}

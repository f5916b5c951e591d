import type { Context } from "./context.ts";
export interface ForEachConcurrentOptions {
    readonly concurrency: number;
    readonly signal?: AbortSignal | Context | undefined;
}
export interface MapConcurrentOptions extends ForEachConcurrentOptions {
    readonly ordered?: boolean | undefined;
}
type Source<Item> = Iterable<Item> | AsyncIterable<Item>;
type ItemTask<Item, Result> = (item: Item, context: Context) => Result | PromiseLike<Result>;
export declare function forEachConcurrent<Item>(source: Source<Item>, task: ItemTask<Item, unknown>, options: ForEachConcurrentOptions): Promise<void>;
export declare function mapConcurrent<Item, Result>(source: Source<Item>, task: ItemTask<Item, Result>, options: MapConcurrentOptions): AsyncGenerator<Result, void, void>;
export {};

import type { Context } from "./context.ts";
export interface ChannelOperationOptions {
    readonly signal?: AbortSignal | Context | undefined;
}
export declare class Channel<T> implements AsyncIterable<T> {
    #private;
    readonly capacity: number;
    readonly name: string | undefined;
    constructor(capacity?: number, options?: {
        readonly name?: string;
    });
    get size(): number;
    get closed(): boolean;
    send(value: T, options?: ChannelOperationOptions): Promise<void>;
    trySend(value: T): boolean;
    receive(options?: ChannelOperationOptions): Promise<IteratorResult<T, undefined>>;
    tryReceive(): IteratorResult<T, undefined> | undefined;
    close(): void;
    [Symbol.asyncIterator](): AsyncIterator<T, undefined>;
}

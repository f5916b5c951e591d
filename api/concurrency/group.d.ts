import type { Context } from "./context.ts";
import type { Task } from "./task.ts";
export interface GroupOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly concurrency?: number | undefined;
    readonly name?: string | undefined;
    readonly failFast?: boolean | ((error: unknown) => boolean) | undefined;
}
type Body<T> = (context: Context) => T | PromiseLike<T>;
export declare class Group implements AsyncDisposable {
    #private;
    readonly name: string | undefined;
    constructor(options?: GroupOptions);
    get context(): Context;
    get errors(): readonly unknown[];
    get running(): number;
    get queued(): number;
    get concurrency(): number;
    set concurrency(concurrency: number);
    go<T>(task: Body<T>, options?: {
        readonly name?: string | undefined;
    }): Task<T>;
    tryGo<T>(task: Body<T>, options?: {
        readonly name?: string | undefined;
    }): Task<T> | undefined;
    ready(): Promise<void>;
    wait(options?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): Promise<void>;
    cancel(reason?: unknown): void;
    child(options?: Omit<GroupOptions, "signal">): Group;
    [Symbol.asyncDispose](): Promise<void>;
}
export {};

import type { Clock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import type { OutcomeWindow } from "../../overload/windows/outcome-window.ts";
import type { RedisLike } from "./redis-like.ts";
export interface RedisWindowOptions {
    readonly length?: Duration | undefined;
    readonly slices?: number | undefined;
    readonly flushEvery?: Duration | undefined;
    readonly prefix?: string | undefined;
    readonly commandTimeout?: Duration | undefined;
    readonly clock?: Clock | undefined;
}
export declare class RedisWindow implements OutcomeWindow {
    #private;
    readonly name: string;
    readonly length: number;
    readonly slices: number;
    constructor(client: RedisLike, name: string, options?: RedisWindowOptions);
    get failure(): unknown;
    record(failed: boolean, at: number): void;
    total(at: number): number;
    failures(at: number): number;
    reset(): void;
    flush(): Promise<boolean>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

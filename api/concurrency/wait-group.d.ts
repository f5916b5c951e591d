import type { Context } from "./context.ts";
export declare class WaitGroup {
    #private;
    readonly name: string | undefined;
    constructor(options?: {
        readonly name?: string;
    });
    get count(): number;
    add(delta?: number): void;
    done(): void;
    go(task: () => unknown, options?: {
        readonly name?: string;
    }): void;
    wait(options?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): Promise<void>;
}

import type { Context } from "../concurrency/context.ts";
export interface Fence {
    readonly slot: number;
    readonly token: bigint;
}
export interface LeasePermit extends AsyncDisposable {
    readonly weight: number;
    readonly context: Context;
    readonly fence: Fence;
    readonly fences: readonly Fence[];
    release(): Promise<void>;
}

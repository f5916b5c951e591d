import type { WarningSnapshot } from "./snapshot-types.ts";
export type Preset = "production" | "development" | "test";
export declare class Monitor implements Disposable {
    #private;
    readonly preset: Preset;
    readonly since: number;
    get warnings(): readonly WarningSnapshot[];
    onWarning(listener: (warning: WarningSnapshot) => void): () => void;
    [Symbol.dispose](): void;
}

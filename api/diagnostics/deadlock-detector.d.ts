import type { NamePattern } from "./ignored-names.ts";
export interface DeadlockDetectorOptions {
    readonly exitCode?: number | undefined;
    readonly ignore?: readonly NamePattern[] | undefined;
}
export declare function installDeadlockDetector(options?: DeadlockDetectorOptions): Disposable;

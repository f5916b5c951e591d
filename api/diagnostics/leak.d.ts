import type { TaskSnapshot } from "./snapshot-types.ts";
export interface DetectLeaksOptions {
    readonly gc?: boolean | undefined;
}
export declare function detectLeaks(options?: DetectLeaksOptions): Promise<TaskSnapshot[]>;

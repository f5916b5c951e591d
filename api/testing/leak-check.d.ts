import type { NamePattern } from "../diagnostics/ignored-names.ts";
import type { Duration } from "../duration.ts";
import { Checkpoint } from "./checkpoint.ts";
export interface ExpectNoLeaksOptions {
    readonly since?: Checkpoint | undefined;
    readonly ignore?: readonly NamePattern[] | undefined;
    readonly retries?: number | undefined;
    readonly timeout?: Duration | undefined;
}
export type RunnerHook = (hook: () => void | Promise<void>) => unknown;
export interface LeakCheckOptions extends Omit<ExpectNoLeaksOptions, "since"> {
    readonly beforeEach?: RunnerHook | undefined;
    readonly afterEach?: RunnerHook | undefined;
}
export declare function expectNoLeaks(options?: ExpectNoLeaksOptions): Promise<void>;
export declare function useLeakCheck(options?: LeakCheckOptions): void;

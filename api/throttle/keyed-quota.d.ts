import type { Clock } from "../clock.ts";
import type { QuotaLimit, QuotaPermit } from "./quota-options.ts";
export interface KeyedQuotaOptions {
    readonly limits: readonly QuotaLimit[];
    readonly maxKeys?: number | undefined;
    readonly clock?: Clock | undefined;
    readonly name?: string | undefined;
}
export interface KeyedQuotaInspection {
    readonly keys: number;
    readonly maxKeys: number;
    readonly refusedForRoom: number;
}
export declare class KeyedQuota {
    #private;
    readonly name: string | undefined;
    readonly maxKeys: number;
    constructor(options: KeyedQuotaOptions);
    get size(): number;
    tryPermit(key: string, weight?: number): QuotaPermit | undefined;
    run<T>(key: string, task: () => T | PromiseLike<T>, weight?: number): Promise<T>;
    wait(key: string, weight?: number): number;
    available(key: string): number;
    inspect(): KeyedQuotaInspection;
}

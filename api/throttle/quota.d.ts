import type { Context } from "../concurrency/context.ts";
import type { QuotaAcquireOptions, QuotaInspection, QuotaOptions, QuotaPermit } from "./quota-options.ts";
export declare class Quota {
    #private;
    readonly name: string | undefined;
    constructor(options: QuotaOptions);
    get queued(): number;
    tryPermit(weight?: number, options?: Pick<QuotaAcquireOptions, "priority">): QuotaPermit | undefined;
    permit(weight?: number, options?: QuotaAcquireOptions): Promise<QuotaPermit>;
    run<T>(task: (context: Context) => T | PromiseLike<T>, options?: QuotaAcquireOptions & {
        readonly weight?: number | undefined;
    }): Promise<T>;
    observe(outcome: unknown, permit?: QuotaPermit): void;
    inspect(): QuotaInspection;
}

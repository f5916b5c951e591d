import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import type { PoolLeak } from "./pool-leaks.ts";
import { Pool } from "./pool.ts";
export interface PgPoolLike {
    connect(): Promise<{
        release(broken?: boolean): unknown;
    }>;
}
export interface MysqlPoolLike<C> {
    getConnection(): Promise<C>;
}
export interface MysqlCallbackPoolLike<C> {
    promise(): MysqlPoolLike<C>;
}
export interface GenericPoolLike<C> {
    acquire(): PromiseLike<C> | {
        readonly promise: PromiseLike<C>;
    };
    release(resource: C): unknown;
}
export type PgClientOf<P extends PgPoolLike> = P["connect"] extends {
    (): Promise<infer C>;
    (callback: (...args: never[]) => void): void;
} ? unknown extends C ? Awaited<ReturnType<P["connect"]>> : C : never;
export interface GuardPoolOptions<C> {
    readonly limit?: number | undefined;
    readonly acquireTimeout?: Duration | undefined;
    readonly maxQueue?: number | undefined;
    readonly isBroken?: ((error: unknown) => boolean) | undefined;
    readonly leakThreshold?: Duration | undefined;
    readonly onLeak?: ((leak: PoolLeak<C>) => void) | undefined;
    readonly clock?: Clock | undefined;
    readonly name?: string | undefined;
}
export declare function guardPool<P extends PgPoolLike>(pool: P, options?: GuardPoolOptions<PgClientOf<P>>): Pool<PgClientOf<P>>;
export declare function guardPool<C extends {
    release(): unknown;
    destroy(): unknown;
}>(pool: MysqlPoolLike<C> | MysqlCallbackPoolLike<C>, options?: GuardPoolOptions<C>): Pool<C>;
export declare function guardPool<C>(pool: GenericPoolLike<C>, options?: GuardPoolOptions<C>): Pool<C>;

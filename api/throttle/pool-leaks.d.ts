export interface PoolLeak<T> {
    readonly resource: T;
    readonly heldFor: number;
    readonly acquiredAt: string;
    readonly forgotten: boolean;
}

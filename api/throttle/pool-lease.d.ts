export interface PoolPermit<T> extends Disposable {
    readonly resource: T;
    release(): void;
    destroy(error?: unknown): void;
}

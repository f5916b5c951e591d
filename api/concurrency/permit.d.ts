export interface Permit extends Disposable {
    readonly weight: number;
    release(): void;
}

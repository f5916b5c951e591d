export type LimitOutcome = "success" | "dropped" | "ignore";
export interface LimitPermit extends Disposable {
    success(): void;
    dropped(): void;
    ignore(): void;
    [Symbol.dispose](): void;
}

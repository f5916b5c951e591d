export interface OutcomeWindow {
    record(failed: boolean, at: number): void;
    total(at: number): number;
    failures(at: number): number;
    reset(): void;
}

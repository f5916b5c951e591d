export interface LimitBounds {
    readonly initial?: number | undefined;
    readonly minimum?: number | undefined;
    readonly maximum?: number | undefined;
}

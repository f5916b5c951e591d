export interface EventDraft {
    readonly topic: string;
    readonly type: string;
    readonly key?: string | Buffer | null | undefined;
    readonly value: string | Buffer | null;
    readonly traceId?: string | undefined;
    readonly headers?: Readonly<Record<string, string | Buffer>> | undefined;
    readonly partition?: number | undefined;
}
export interface MintedEvent {
    readonly topic: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: ReadonlyMap<string, Buffer>;
    readonly partition?: number | undefined;
}

export interface EventFields {
    readonly traceId: string;
    readonly eventType: string;
    readonly timestamp: string;
}

export interface OutboxSchemaOptions {
    readonly schema?: string | undefined;
    readonly table?: string | undefined;
}
export declare function outboxSchema(options?: OutboxSchemaOptions): string;

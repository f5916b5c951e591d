export interface DeduplicationSchemaOptions {
    readonly schema?: string | undefined;
    readonly table?: string | undefined;
}
export declare function deduplicationSchema(options?: DeduplicationSchemaOptions): string;

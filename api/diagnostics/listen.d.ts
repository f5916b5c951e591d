export interface ListenOptions {
    readonly folder?: string | undefined;
}
export declare function listen(options?: ListenOptions): Promise<DiagnosticsListener>;
export declare class DiagnosticsListener implements AsyncDisposable {
    #private;
    readonly address: string;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

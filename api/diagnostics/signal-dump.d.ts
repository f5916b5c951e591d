export interface SignalDumpOptions {
    readonly signal?: string | undefined;
    readonly folder?: string | undefined;
}
export declare function installSignalDump(options?: SignalDumpOptions): () => void;

export interface GrpcLike {
    readonly Client: new (address: string, credentials: never, options?: object) => GrpcClientLike;
    readonly Metadata: new () => {
        set(key: string, value: string): void;
    };
    readonly credentials: {
        createInsecure(): unknown;
        createSsl(rootCerts?: Buffer | null, privateKey?: Buffer | null, certChain?: Buffer | null): unknown;
    };
}
export interface GrpcClientLike {
    makeUnaryRequest(method: string, serialize: (value: Uint8Array) => Buffer, deserialize: (bytes: Buffer) => Uint8Array, argument: Uint8Array, metadata: never, options: object, callback: (error: Error | null, value?: Uint8Array) => void): {
        cancel(): void;
    };
    makeBidiStreamRequest(method: string, serialize: (value: Uint8Array) => Buffer, deserialize: (bytes: Buffer) => Uint8Array, metadata: never, options?: object): GrpcStreamLike;
    close(): void;
}
export interface GrpcStreamLike {
    write(value: Uint8Array): unknown;
    end(): unknown;
    cancel(): void;
    on(event: "data", listener: (value: Uint8Array) => void): unknown;
    on(event: "error", listener: (error: Error) => void): unknown;
    on(event: "end", listener: () => void): unknown;
}

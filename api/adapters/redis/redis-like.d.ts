export interface IoRedisLike {
    readonly options: object;
    evalsha(sha1: string, keyCount: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
    eval(script: string, keyCount: number, ...keysAndArguments: (string | number)[]): Promise<unknown>;
    append(key: string, value: string): Promise<unknown>;
    exists(key: string): Promise<unknown>;
}
export interface NodeRedisLike {
    evalSha(sha1: string, options?: {
        keys?: string[];
        arguments?: string[];
    }): Promise<unknown>;
    eval(script: string, options?: {
        keys?: string[];
        arguments?: string[];
    }): Promise<unknown>;
    append(key: string, value: string): Promise<unknown>;
    exists(key: string): Promise<unknown>;
}
export type RedisLike = IoRedisLike | NodeRedisLike;

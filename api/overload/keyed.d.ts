export interface KeyedOptions {
    readonly maxKeys?: number | undefined;
}
export declare class Keyed<Value> {
    #private;
    readonly maxKeys: number;
    constructor(make: (key: string) => Value, options?: KeyedOptions);
    get size(): number;
    get(key: string): Value;
    peek(key: string): Value | undefined;
    delete(key: string): boolean;
    entries(): IterableIterator<[string, Value]>;
}

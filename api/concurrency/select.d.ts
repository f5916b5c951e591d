import type { Channel, ChannelOperationOptions } from "./channel.ts";
export interface ReceiveCase<T> {
    readonly kind: "receive";
    readonly channel: Channel<T>;
}
export interface SendCase<T> {
    readonly kind: "send";
    readonly channel: Channel<T>;
    readonly value: T;
}
export type SelectCase = ReceiveCase<unknown> | SendCase<unknown> | null | undefined;
export type Selected<Cases extends readonly SelectCase[]> = {
    [Index in keyof Cases]: SelectedCase<Cases[Index], IndexOf<Index>>;
}[number];
type SelectedCase<Case, Index> = Case extends ReceiveCase<infer T> ? {
    readonly index: Index;
    readonly done: false;
    readonly value: T;
} | Ended<Index> : Case extends SendCase<infer _T> ? {
    readonly index: Index;
    readonly done: false;
    readonly value: undefined;
} : never;
interface Ended<Index> {
    readonly index: Index;
    readonly done: true;
    readonly value: undefined;
}
type IndexOf<Key> = Key extends `${infer Index extends number}` ? Index : number;
export declare function receive<T>(channel: Channel<T>): ReceiveCase<T>;
export declare function send<T>(channel: Channel<T>, value: NoInfer<T>): SendCase<T>;
export declare function select<const Cases extends readonly SelectCase[]>(cases: Cases, options?: ChannelOperationOptions): Promise<Selected<Cases>>;
export declare function trySelect<const Cases extends readonly SelectCase[]>(cases: Cases): Selected<Cases> | undefined;
export {};

export interface Task<T> extends PromiseLike<T> {
    readonly name: string;
    readonly state: "queued" | "running" | "fulfilled" | "rejected" | "skipped";
    readonly value: T;
}

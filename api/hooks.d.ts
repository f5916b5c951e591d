export interface Hooks {
    resourceCreated(resource: object, kind: ResourceKind, name: string | undefined, capacity: number): void;
    resourceResized(resource: object, capacity: number): void;
    blocked(resource: object, weight: number, wait: object, patience?: number): void;
    unblocked(resource: object, wait: object, granted: boolean): void;
    acquired(resource: object, weight: number): void;
    released(resource: object, weight: number): void;
    calledOff(wait: object): void;
    permitCreated(permit: object, resource: object, weight: number): void;
    permitReleased(permit: object): void;
    taskCreated(task: WatchedTask, scope: object, name: string): void;
    taskStarted(task: WatchedTask): void;
    runTask<T>(task: WatchedTask, body: () => T): T;
    taskPromise(task: WatchedTask, promise: Promise<unknown>): void;
    taskEnded(task: WatchedTask, outcome: "fulfilled" | "rejected" | "skipped"): void;
    awaited(scope: object): void;
    sleepStarted(sleep: object, ms: number): void;
    sleepEnded(sleep: object): void;
    misuse(code: string, detail: string): void;
}
export interface WatchedTask {
    record: object | null;
}
export type ResourceKind = "semaphore" | "channel" | "wait-group" | "group" | "map" | "limiter" | "quota" | "file-handles" | "pool";

export interface Clock {
    now(): number;
    date(): number;
    random(): number;
    setTimeout(callback: () => void, ms: number, keepAlive?: boolean): () => void;
}
export declare const systemClock: Clock;

import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
export declare class FakeClock implements Clock {
    #private;
    constructor(options?: {
        readonly start?: number;
        readonly seed?: number;
    });
    now(): number;
    date(): number;
    random(): number;
    setTimeout(callback: () => void, ms: number): () => void;
    get pending(): number;
    advance(duration: Duration): Promise<void>;
}

import type { Duration } from "../duration.ts";
export interface Backoff {
    readonly initial?: Duration | undefined;
    readonly maximum?: Duration | undefined;
    readonly factor?: number | undefined;
    readonly jitter?: "full" | "decorrelated" | "none" | undefined;
}

import type { Monitor } from "./monitor.ts";
export declare function activeMonitor(): Monitor | null;

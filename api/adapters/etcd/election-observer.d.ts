import type { Fence } from "../../throttle/lease-permit.ts";
export interface EtcdLeader {
    readonly id: string;
    readonly value: string;
    readonly fence: Fence;
}

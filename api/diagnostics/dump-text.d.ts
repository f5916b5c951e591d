import type { Profile } from "./profile.ts";
import type { Snapshot } from "./snapshot-types.ts";
export declare function formatDump(snapshot: Snapshot): string;
export declare function formatProfile(profile: Profile): string;

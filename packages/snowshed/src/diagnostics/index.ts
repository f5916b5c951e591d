export { activeMonitor } from "./active.ts";
export type { MisuseMessage, ResourceMessage, TaskEndMessage, TaskMessage } from "./channels.ts";
export { formatDump, formatProfile } from "./dump-text.ts";
export type { EnableOptions } from "./enable.ts";
export { disable, enable } from "./enable.ts";
export type { Preset } from "./monitor.ts";
export { Monitor } from "./monitor.ts";
export type { Profile, ProfileGroup, ProfileKind } from "./profile.ts";
export { profile } from "./profile.ts";
export type { SnapshotOptions } from "./snapshot.ts";
export { snapshot } from "./snapshot.ts";
export type {
  DeadlockSnapshot,
  ResourceSnapshot,
  Snapshot,
  SnapshotTotals,
  TaskSnapshot,
  TaskState,
  WaitSnapshot,
  WarningCode,
  WarningSnapshot,
} from "./snapshot-types.ts";

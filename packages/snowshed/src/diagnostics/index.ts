export { activeMonitor } from "./active.ts";
export type { MisuseMessage, ResourceMessage, TaskEndMessage, TaskMessage } from "./channels.ts";
export type { Deadlock, FindDeadlocksOptions } from "./deadlock.ts";
export { findDeadlocks } from "./deadlock.ts";
export type { DeadlockDetectorOptions } from "./deadlock-detector.ts";
export { installDeadlockDetector } from "./deadlock-detector.ts";
export { formatDump, formatProfile } from "./dump-text.ts";
export type { EnableOptions } from "./enable.ts";
export { disable, enable } from "./enable.ts";
export type { NamePattern } from "./ignored-names.ts";
export type { DetectLeaksOptions } from "./leak.ts";
export { detectLeaks } from "./leak.ts";
export type { ListenOptions } from "./listen.ts";
export { DiagnosticsListener, listen } from "./listen.ts";
export type { Preset } from "./monitor.ts";
export { Monitor } from "./monitor.ts";
export type { Profile, ProfileGroup, ProfileKind } from "./profile.ts";
export { profile } from "./profile.ts";
export type { SignalDumpOptions } from "./signal-dump.ts";
export { installSignalDump } from "./signal-dump.ts";
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
export type { WatchFrame } from "./watch-frames.ts";

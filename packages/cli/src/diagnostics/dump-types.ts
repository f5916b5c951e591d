import type { Profile, Snapshot } from "snowshed/diagnostics";

export type { Profile, ProfileKind, ResourceSnapshot, TaskSnapshot, WatchFrame } from "snowshed/diagnostics";

/** A snapshot, with what `dump --inspector` adds. */
export type Dump = Snapshot & { readonly stack?: readonly string[] };

export type ProfileGroup = Profile["groups"][number];

/** How a process presents itself. */
export interface Hello extends Pick<Snapshot, "pid" | "node" | "program" | "since" | "preset" | "totals"> {
  /** Milliseconds since its start. */
  readonly uptime: number;
}

import type { ConnectionConfig, ConnectionKind } from "../config/audit-section.ts";
import { connectionKinds } from "../config/audit-section.ts";
import type { Config } from "../config/config.ts";
import type { WorkloadConfig } from "../config/workload-section.ts";
import type { RuleContext } from "../rule.ts";
import { setOf } from "./set-command.ts";

/** Which server a connection is to: what it says, or what its name begins with. */
export function kindOf(name: string, { kind }: ConnectionConfig): ConnectionKind | undefined {
  return kind ?? connectionKinds.find((each) => name === each || new RegExp(`^${each}[-._]`).test(name));
}

export interface NamedConnection extends ConnectionConfig {
  readonly name: string;
  readonly path: readonly string[];
  /** Of all processes on all machines. */
  readonly total: number;
}

/** Thirty rules ask for the same: of each configuration it is found out once. */
const connectionsKnown = new WeakMap<Config, Map<ConnectionKind, readonly NamedConnection[]>>();

export function connectionsOf(config: Config, kind: ConnectionKind): readonly NamedConnection[] {
  const known = connectionsKnown.get(config) ?? new Map<ConnectionKind, readonly NamedConnection[]>();
  connectionsKnown.set(config, known);
  const found = known.get(kind) ?? findConnections(config, kind);
  known.set(kind, found);
  return found;
}

function findConnections({ connections }: Config, kind: ConnectionKind): readonly NamedConnection[] {
  return Object.entries(connections).flatMap(([name, connection]) => {
    if (kindOf(name, connection) !== kind) return [];
    const total = connection.perProcess * connection.processes * (connection.replicas ?? 1);
    return [{ ...connection, name, path: ["connections", name], total }];
  });
}

export interface NamedWorkload extends WorkloadConfig {
  readonly name: string;
  readonly path: readonly string[];
}

export function workloadsOn({ workloads }: Config, kind: ConnectionKind): readonly NamedWorkload[] {
  return Object.entries(workloads).flatMap(([name, workload]) => {
    const isThere = workload.store === kind || workload.store.startsWith(`${kind}-`);
    return isThere ? [{ ...workload, name, path: ["workloads", name] }] : [];
  });
}

/** Whether the configuration has anything to do with such a server. */
export function uses(
  { config, facts, live }: Pick<RuleContext, "config" | "facts" | "live">,
  kind: ConnectionKind,
): boolean {
  return (
    workloadsOn(config, kind).length > 0 ||
    connectionsOf(config, kind).length > 0 ||
    [...facts, ...(live ?? [])].some(({ subject }) => subject === kind)
  );
}

/** A write that claims a key only if nobody has it: a lock or a mark. */
export function claims(workload: WorkloadConfig): boolean {
  const set = setOf(workload);
  if (set !== undefined) return set.isConditional;
  const command = workload.write?.command.trim() ?? "";
  // Of a script what it does is in its text.
  return /^(?:H|M)?SETNX\b/i.test(command) || (/^(?:EVAL|FCALL)/i.test(command) && /\bNX\b/i.test(command));
}

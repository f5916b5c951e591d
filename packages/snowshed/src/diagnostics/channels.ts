import type { Channel } from "node:diagnostics_channel";
import { channel } from "node:diagnostics_channel";
import type { ResourceKind } from "../hooks.ts";
import type { ResourceRecord, TaskRecord } from "./records.ts";
import type { WarningSnapshot } from "./snapshot-types.ts";

/** Of `snowshed:task:start` and, with `outcome` and `age`, `snowshed:task:end`. */
export interface TaskMessage {
  readonly id: number;
  readonly name: string;
  readonly scope: { readonly id: number; readonly kind: ResourceKind; readonly name: string };
  /** The task that made it, if that is known. */
  readonly parent: number | null;
}

/** Of `snowshed:task:end`. */
export interface TaskEndMessage extends TaskMessage {
  readonly outcome: "fulfilled" | "rejected" | "skipped";
  /** Milliseconds since it was made; in production only to the second. */
  readonly age: number;
}

/** Of `snowshed:resource:blocked`, `snowshed:resource:acquired` and `snowshed:resource:released`. */
export interface ResourceMessage {
  readonly id: number;
  readonly kind: ResourceKind;
  readonly name: string;
  readonly weight: number;
  /** Who, if that is known. */
  readonly task: number | null;
  /** `null`: without bound. */
  readonly capacity: number | null;
  /** Of all, after this. */
  readonly held: number;
  readonly pending: number;
  /** How long it was waited for, in milliseconds: with `acquired`, 0 if it was free. */
  readonly waited: number;
}

/** Of `snowshed:misuse`: an error that says how something must not be called, which somebody may have swallowed. */
export interface MisuseMessage {
  readonly code: string;
  readonly detail: string;
  readonly task: number | null;
}

const taskStart = channel("snowshed:task:start");
const taskEnd = channel("snowshed:task:end");
const warned = channel("snowshed:warning");
const misused = channel("snowshed:misuse");
const resources = {
  blocked: channel("snowshed:resource:blocked"),
  acquired: channel("snowshed:resource:acquired"),
  released: channel("snowshed:resource:released"),
} as const;

// While nobody listens each of these is one comparison: no message is made. What a subscriber throws, Node reports as an
// uncaught exception, and goes on.

/** @internal */
export function publishTaskStart(task: TaskRecord): void {
  if (taskStart.hasSubscribers) taskStart.publish(taskMessage(task));
}

/** @internal */
export function publishTaskEnd(task: TaskRecord, outcome: TaskEndMessage["outcome"], now: () => number): void {
  if (!taskEnd.hasSubscribers) return;
  taskEnd.publish({
    ...taskMessage(task),
    outcome,
    age: Math.max(0, Math.floor(now()) - task.createdAt),
  } satisfies TaskEndMessage);
}

/** Whether somebody listens to how long is waited. @internal */
export function isResourceHeard(): boolean {
  return resources.acquired.hasSubscribers;
}

/** @internal */
export function publishResource(
  event: keyof typeof resources,
  resource: ResourceRecord,
  weight: number,
  task: TaskRecord | null,
  waited: number,
): void {
  const to: Channel = resources[event];
  if (!to.hasSubscribers) return;
  const { id, kind, name, capacity, held } = resource;
  to.publish({
    id,
    kind,
    name,
    weight,
    task: task?.id ?? null,
    capacity: capacity === Number.POSITIVE_INFINITY ? null : capacity,
    held,
    pending: resource.waits.size,
    waited,
  } satisfies ResourceMessage);
}

/** @internal */
export function publishWarning(warning: WarningSnapshot): void {
  if (warned.hasSubscribers) warned.publish(warning);
}

/** @internal */
export function publishMisuse(code: string, detail: string, task: TaskRecord | null): void {
  if (misused.hasSubscribers) misused.publish({ code, detail, task: task?.id ?? null } satisfies MisuseMessage);
}

function taskMessage({ id, name, scope, parent }: TaskRecord): TaskMessage {
  const { id: scopeId, kind, name: scopeName } = scope;
  return { id, name, scope: { id: scopeId, kind, name: scopeName }, parent: parent?.id ?? null };
}

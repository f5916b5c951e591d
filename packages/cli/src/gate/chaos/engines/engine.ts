import type { FaultConfig } from "../../config/chaos-section.ts";
import type { AllowList } from "../targets.ts";
import { ChaosRefusal } from "../targets.ts";
import { Fields } from "../probes/fields.ts";
import type { Undo } from "../undo.ts";

export interface EngineContext {
  readonly experiment: string;
  readonly allowed: AllowList;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A fault as it would be injected. Nothing has happened yet, except in `prepare`. */
export interface PlannedFault {
  readonly description: string;
  /** What is run or sent, in words. */
  readonly steps: readonly string[];
  /** Complete before the injection: it goes to the journal first. */
  readonly undo: readonly Undo[];
  /** How long the injection may take, in milliseconds; default: it is quick. */
  readonly slowestMs?: number;
  /** What must stand before the steady state is looked at, such as proxies. No fault yet. */
  prepare(): Promise<void>;
  /** @throws Error when the fault is not there, or not all of it; then it is undone. */
  inject(): Promise<void>;
  /** What only this process can take back; the rest is done from the journal. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

export interface Engine {
  /** What is not there for this fault, and how to get it; null when nothing is missing. */
  missing(fault: FaultConfig, context: EngineContext): Promise<string | null>;
  /** @throws ChaosRefusal when the fault cannot be what it says, or its target is not allowed. */
  plan(fault: FaultConfig, context: EngineContext): Promise<PlannedFault>;
}

const common = ["engine", "target", "kind", "durationS", "probeEveryMs", "settleS", "duringFault"];

/** The fields of a fault that belong to its engine. */
export function faultFields(fault: FaultConfig): Fields {
  return new Fields(fault, `a fault of the engine ${fault.engine}`, common);
}

export function targetFields(fault: FaultConfig): Fields {
  if (typeof fault.target === "string") {
    throw new ChaosRefusal(`the target of the engine ${fault.engine} is written as fields, not as a text`);
  }
  return new Fields(fault.target, `the target of the engine ${fault.engine}`);
}

/** A figure without which the fault would be none. */
export function positive(fields: Fields, key: string, kind: string): number {
  const value = fields.number(key, 0);
  if (value > 0) return value;
  throw new ChaosRefusal(`a fault of the kind ${kind} needs ${key} above 0`);
}

export function notOf(fault: FaultConfig): ChaosRefusal {
  return new ChaosRefusal(`the engine ${fault.engine} has no fault of the kind ${fault.kind}`);
}

export async function nothing(): Promise<void> {}

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import path from "node:path";
import type { Io } from "../io.ts";
import type { RunnableStage } from "./stages.ts";

/** What a check found. */
export interface Checkup {
  /** Where it is, or what it says of itself; null when it is missing. */
  readonly found: string | null;
  /** What to do to have it. */
  readonly hint: string;
}

/** One thing a stage can use. Nothing is required by all: the gate runs without any. */
export interface DoctorCheck {
  readonly name: string;
  readonly stage: RunnableStage;
  /** What it is needed for, in a few words. */
  readonly neededFor: string;
  look(env: Io["env"]): Promise<Checkup>;
}

/** A program that is looked for on the PATH. */
export function programCheck(check: Omit<DoctorCheck, "look"> & { readonly hint: string }): DoctorCheck {
  const { hint, ...rest } = check;
  return { ...rest, look: async (env) => ({ found: await onPath(rest.name, env), hint }) };
}

/** Where a program is; null when it is nowhere on the PATH. */
async function onPath(name: string, env: Io["env"]): Promise<string | null> {
  for (const folder of (env["PATH"] ?? "").split(path.delimiter)) {
    if (folder === "") continue;
    const file = path.join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not in this one.
    }
  }
  return null;
}

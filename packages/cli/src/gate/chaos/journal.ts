import { constants } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { makeFolder } from "../../make-folder.ts";
import { describeSystemError, systemCode } from "../../system-error.ts";
import { startTime } from "./processes.ts";
import type { Undo } from "./undo.ts";
import { undo } from "./undo.ts";

export interface JournalEntry {
  readonly version: 1;
  readonly experiment: string;
  readonly description: string;
  readonly pid: number;
  readonly startTime: string;
  readonly undo: readonly Undo[];
}

type Env = Readonly<Record<string, string | undefined>>;

const largestJournal = 1024 * 1024;

/** Where runs of this user leave word of each other: $SNOWSHED_STATE_DIR, else below $XDG_STATE_HOME or ~/.local/state. */
export function stateFolder(env: Env): string {
  const own = env["SNOWSHED_STATE_DIR"] ?? "";
  if (own !== "") return path.resolve(own, "chaos");
  const state = env["XDG_STATE_HOME"] ?? "";
  const base = path.isAbsolute(state) ? state : path.join(os.homedir(), ".local", "state");
  return path.join(base, "snowshed", "chaos");
}

/** What is wrong with that folder, and what to do; undefined for what the operating system did not say. */
export function stateProblem(folder: string, error: unknown): string | undefined {
  if (systemCode(error) === "") return undefined;
  const what = `the folder of journals ${folder} cannot be used: ${describeSystemError(error)}`;
  return `${what}; start it as the user who ran the experiments, or set $SNOWSHED_STATE_DIR as it was set then`;
}

/**
 * Writes what undoes a fault, before the fault: it is on the disk when this resolves. Resolves with the name of the file.
 */
export async function writeJournal(
  folder: string,
  experiment: string,
  description: string,
  steps: readonly Undo[],
): Promise<string> {
  await makeFolder(folder, 0o700);
  const file = path.join(folder, `${experiment}-${process.pid}-${Date.now()}.journal`);
  const own = { pid: process.pid, startTime: startTime(process.pid) ?? "" };
  const entry: JournalEntry = { version: 1, experiment, description, ...own, undo: steps };
  // Under its name only when it is whole: half of one is no word of what to undo, and would forbid every run after it.
  const unfinished = `${file}.tmp`;
  try {
    const handle = await open(unfinished, "wx", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(entry, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(folder);
  return file;
}

/** The name of a new file is on the disk only when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Reads one. Only what this user wrote and nobody else could change: what it says is carried out.
 * @throws Error when it is not to be trusted, or no journal.
 */
async function readJournal(file: string): Promise<JournalEntry> {
  // A pipe that nobody writes to would not even open.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = await handle.stat();
    const { uid, mode, size } = stat;
    if (!stat.isFile()) throw new Error("it is no file");
    const isForeign = process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0);
    if (isForeign) throw new Error("it belongs to somebody else, or others may write to it");
    if (size > largestJournal) throw new Error("it is too large to be a journal");
    return toEntry(JSON.parse(await handle.readFile("utf8")));
  } finally {
    await handle.close();
  }
}

function toEntry(input: unknown): JournalEntry {
  const entry = input as Partial<JournalEntry> | null;
  const kinds = new Set(["program", "http", "continue", "process", "none"]);
  const isWhole =
    entry?.version === 1 &&
    typeof entry.experiment === "string" &&
    typeof entry.pid === "number" &&
    typeof entry.startTime === "string" &&
    Array.isArray(entry.undo) &&
    entry.undo.every((step: Partial<Undo> | null) => kinds.has(step?.kind ?? ""));
  if (!isWhole) throw new Error("it is no journal of a fault");
  return entry as JournalEntry;
}

/** The journals in a folder, the oldest first. */
export async function listJournals(folder: string): Promise<readonly string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".journal"));
    return names.toSorted((a, b) => timeOf(a) - timeOf(b)).map((name) => path.join(folder, name));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

function timeOf(name: string): number {
  return Number(/-(\d+)\.journal$/.exec(name)?.[1] ?? 0);
}

export interface Healed {
  readonly file: string;
  readonly experiment: string;
  /** What is still there, and why. Empty: all is taken back, and the journal is gone. */
  readonly failures: readonly string[];
}

/**
 * Takes back what a journal says, the last first, and removes it when nothing is left. Who injected the fault gives the
 * steps: it knows them also when the journal has been cut off or taken away meanwhile.
 */
export async function heal(file: string, env: Env, steps?: readonly Undo[]): Promise<Healed> {
  let experiment = path.basename(file, ".journal");
  const failures: string[] = [];
  try {
    const entry = steps === undefined ? await readJournal(file) : { experiment, undo: steps };
    ({ experiment } = entry);
    // All of them, whatever becomes of the others.
    for (const step of entry.undo.toReversed()) {
      const failure = await undo(step, env).catch((error: unknown) => `${file}: ${(error as Error).message}`);
      if (failure !== null) failures.push(failure);
    }
    if (failures.length === 0) await rm(file, { force: true });
  } catch (error) {
    // Healed by another: the watchdog, or `heal`.
    if (systemCode(error) !== "ENOENT") {
      failures.push(`${file}: ${(error as Error).message}: look for its fault yourself, then delete it`);
    }
  }
  return { file, experiment, failures };
}

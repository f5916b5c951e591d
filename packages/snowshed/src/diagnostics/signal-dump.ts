import { writeSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { systemClock } from "../clock.ts";
import { invalidArgument } from "../errors.ts";
import { writeDumpFile } from "./dump-file.ts";
import { openInspectorDoor } from "./inspector-door.ts";
import { activeMonitor } from "./active.ts";
import { snapshot } from "./snapshot.ts";

export interface SignalDumpOptions {
  /**
   * The signal that asks for a dump. Not SIGUSR1, which opens the inspector of Node, and none that a process cannot
   * hear. Default: `"SIGUSR2"`.
   */
  readonly signal?: string | undefined;
  /** Where the files are made. It must exist. Default: the temporary folder of the system. */
  readonly folder?: string | undefined;
}

/** What no process can hear, or what Node keeps for itself or ends with. */
const unusable = new Set(["SIGKILL", "SIGSTOP", "SIGUSR1", "SIGPROF", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"]);

/**
 * Makes the process write a dump whenever it gets a signal: all live tasks, what each waits for, and who holds it, as a
 * JSON file that only this user can read. On stderr it says where, or why there is none; a full disk or a missing folder
 * is said there too, and harms nothing. A signal that comes while a dump is being written is one with it.
 *
 * Returns the function that ends this: from then on the signal does what it does without, which for SIGUSR2 is to end
 * the process.
 *
 * Node calls listeners of signals from its event loop: while that is blocked, the dump waits until it is free again. What
 * blocks it shows `snowshed dump --inspector`. Worker threads hear no signals: there this does nothing.
 *
 * @example
 * ```ts no-run
 * import { enable, installSignalDump } from "snowshed/diagnostics";
 *
 * enable("production");
 * installSignalDump(); // kill -USR2 <pid>
 * ```
 */
export function installSignalDump(options: SignalDumpOptions = {}): () => void {
  const { signal = "SIGUSR2", folder = tmpdir() } = options;
  if (!Object.hasOwn(constants.signals, signal) || unusable.has(signal)) {
    throw invalidArgument(typeof signal === "string" ? RangeError : TypeError, "signal", "a signal to hear", signal);
  }
  if (typeof folder !== "string" || folder === "") {
    throw invalidArgument(TypeError, "folder", "the path of a folder", folder);
  }
  if (!isMainThread) return () => {};
  openInspectorDoor();
  let isWriting = false;
  const onSignal = (): void => {
    if (isWriting) return;
    isWriting = true;
    void dumpTo(folder)
      .then(say)
      .finally(() => (isWriting = false));
  };
  process.on(signal as NodeJS.Signals, onSignal);
  return () => void process.removeListener(signal, onSignal);
}

/** What is to be said about it; never rejects. */
async function dumpTo(folder: string): Promise<string> {
  try {
    if (activeMonitor() === null) return "no dump: nothing is watched, call enable() first";
    const dump = snapshot();
    const time = new Date(systemClock.date()).toISOString().replaceAll(/[:.]/g, "-");
    const file = path.resolve(folder, `snowshed-${process.pid}-${time}.json`);
    await writeDumpFile(file, dump);
    const { tasksLive } = dump.totals;
    const listed = dump.tasks.length;
    const number = listed < tasksLive ? `${listed} of ${tasksLive}` : String(listed);
    return `a dump of ${number} ${tasksLive === 1 ? "task" : "tasks"} is in ${file}`;
  } catch (error) {
    return `no dump: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Not by `process.stderr`: if nobody reads it any more, that would end the process with an error. */
function say(text: string): void {
  try {
    writeSync(2, `snowshed: ${text}\n`);
  } catch {
    // Nobody reads it, or it is full: the program goes on.
  }
}

import { Command, InvalidArgumentError, Option } from "../commander.ts";
import type { Watched } from "../diagnostics/find-process.ts";
import { LookFailure } from "../diagnostics/look-failure.ts";
import type { ProfileKind } from "../diagnostics/dump-types.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { UsageError } from "../usage-error.ts";
import { count, duration } from "./option-values.ts";

// What the commands that look into a process have in common.

/** A command that gets its exit code to `done` once it has run. */
export interface CommandHost {
  readonly io: Io;
  readonly notes: Notes;
  readonly done: (exitCode: number) => void;
}

export interface LookFlags {
  readonly folder?: string;
  readonly timeout: number;
  readonly json?: boolean;
}

export const exitCodes = `
Exit codes: 0 shown; 1 shown, and a deadlock or a leaked task is there; 2 wrong usage, or the process cannot be looked
into; 3 the process does not answer; 130 Ctrl-C.
`;

export const pidText = "the number of the process, `4242`, or `4242-1` for a worker thread; default: the only one";

export function processId(text: string): string {
  if (/^[1-9]\d{0,9}(?:-\d{1,9})?$/.test(text)) return text;
  throw new InvalidArgumentError("It must be the number of a process, such as 4242, or of a thread, such as 4242-1.");
}

/** A command with the options that all of them have. */
export function lookCommand(name: string): Command {
  return new Command(name)
    .option("--folder <folder>", "where the sockets are, if the program gave one to listen()")
    .addOption(new Option("-t, --timeout <duration>", "for each answer").argParser(duration).default(5000, "5s"))
    .option("--json", "print JSON on stdout");
}

export function limitOption(byDefault: number, what: string): Option {
  const option = new Option("-n, --limit <count>", `show at most so many ${what}`);
  return option.argParser(count(1)).default(byDefault);
}

export function kindOption(): Option {
  const kinds: readonly ProfileKind[] = ["task", "blocked", "leak"];
  return new Option("-k, --kind <kind>", "which tasks: all, those that wait, those that leaked")
    .choices(kinds)
    .default("task");
}

/** Runs what may find that a process cannot be looked into: one line on stderr, and the exit code of it. */
export async function looking({ notes, done }: CommandHost, run: () => Promise<number>): Promise<void> {
  try {
    done(await run());
  } catch (error) {
    if (!(error instanceof LookFailure)) throw error;
    await notes.say(error.message);
    done(error.exitCode);
  }
}

export function checkTimeout(timeout: number): void {
  if (timeout === Number.POSITIVE_INFINITY) throw new UsageError("--timeout must be a time");
}

/** The process that is meant; imported when it is needed, so that `--help` is quick. */
export async function processOf(id: string | undefined, { folder, timeout }: LookFlags, io: Io): Promise<Watched> {
  checkTimeout(timeout);
  const { findProcess } = await import("../diagnostics/find-process.ts");
  return findProcess(id, folder, io.env);
}

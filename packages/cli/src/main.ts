import { readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { Command, CommanderError } from "commander";
import type { CommandHost } from "./commands/look-options.ts";
import { exitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Notes } from "./notes.ts";
import { UsageError } from "./usage-error.ts";

export type { Io } from "./io.ts";

/** What each command is made by, in the order of the help. A command is loaded when it is asked for: start-up is quick. */
const commands: Readonly<Record<string, (host: CommandHost, args: readonly string[]) => Promise<Command>>> = {
  fetch: async ({ io, notes, done }) => (await import("./commands/fetch.ts")).fetchCommand(io, notes, done),
  demo: async ({ io, notes, done }) => (await import("./commands/demo.ts")).demoCommand(io, notes, done),
  locks: async ({ io, notes, done }) => (await import("./commands/locks.ts")).locksCommand(io, notes, done),
  delivery: async ({ io, notes, done }) => (await import("./commands/delivery.ts")).deliveryCommand(io, notes, done),
  gate: async (host, args) => (await import("./commands/gate.ts")).gateCommand(host, args),
  ps: async (host) => (await import("./commands/show.ts")).psCommand(host),
  tree: async (host) => (await import("./commands/show.ts")).treeCommand(host),
  profile: async (host) => (await import("./commands/show.ts")).profileCommand(host),
  deadlocks: async (host) => (await import("./commands/show.ts")).deadlocksCommand(host),
  watch: async (host) => (await import("./commands/watch.ts")).watchCommand(host),
  dump: async (host) => (await import("./commands/dump.ts")).dumpCommand(host),
  view: async (host) => (await import("./commands/show.ts")).viewCommand(host),
};

/**
 * The command line `snowshed`: `argv` without the names of node and the script. Resolves with the exit code when all
 * output has been taken; never touches the process itself.
 *
 * @example
 * ```ts
 * import process from "node:process";
 * import { main } from "@snowshed/cli";
 *
 * process.exitCode = await main(["fetch", "--help"], process);
 * ```
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  for (const stream of [io.stdout, io.stderr]) tolerateErrors(stream);
  const notes = new Notes(io.stderr);
  let code: number = exitCode.ok;
  const program = new Command("snowshed")
    .description("Keeps services standing when something behind them slows down or fails.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    // What follows the name of a command is its own: without this, `gate advise -c file` would give -c to gate.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`${oneLine(text)}\n`),
    });
  const host: CommandHost = { io, notes, done: (result) => void (code = result) };
  try {
    for (const name of namesOf(argv)) {
      const command = await commands[name]!(host, argv.slice(1));
      program.addCommand(inherit(command, program));
    }
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (!(error instanceof UsageError)) throw error;
    await notes.say(error.message);
    return exitCode.usage;
  }
  return code;
}

/** The one that is asked for; all of them for the help, and for the suggestion that follows a mistyped name. */
function namesOf([first = ""]: readonly string[]): readonly string[] {
  if (first === "--version" || first === "-V") return [];
  return Object.hasOwn(commands, first) ? [first] : Object.keys(commands);
}

function inherit(command: Command, from: Command): Command {
  for (const inner of command.commands) inherit(inner, command.copyInheritedSettings(from));
  return command.copyInheritedSettings(from);
}

/** A stream that closes while nobody waits for it, as with `--help | head -1`, must not crash the process. */
function tolerateErrors(stream: Writable): void {
  if (stream.listeners("error").includes(ignore)) return;
  stream.on("error", ignore);
}

function ignore(): void {}

/** Commander says "error: …", with its suggestion on a line of its own. */
function oneLine(text: string): string {
  return `snowshed: ${text
    .replace(/^error: /, "")
    .trim()
    .replaceAll(/\s*\n\s*/g, " ")}`;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return manifest.version;
}

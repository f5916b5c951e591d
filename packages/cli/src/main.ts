import { readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { Command, CommanderError } from "commander";
import { deliveryCommand } from "./commands/delivery.ts";
import { demoCommand } from "./commands/demo.ts";
import { dumpCommand } from "./commands/dump.ts";
import { fetchCommand } from "./commands/fetch.ts";
import { locksCommand } from "./commands/locks.ts";
import { deadlocksCommand, profileCommand, psCommand, treeCommand, viewCommand } from "./commands/show.ts";
import { watchCommand } from "./commands/watch.ts";
import { exitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Notes } from "./notes.ts";
import { UsageError } from "./usage-error.ts";

export type { Io } from "./io.ts";

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
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`${oneLine(text)}\n`),
    });
  const done = (result: number): void => void (code = result);
  const looks = [psCommand, treeCommand, profileCommand, deadlocksCommand, watchCommand, dumpCommand, viewCommand];
  const commands = [
    ...[fetchCommand, demoCommand, locksCommand, deliveryCommand].map((command) => command(io, notes, done)),
    ...looks.map((command) => command({ io, notes, done })),
  ];
  for (const command of commands) {
    program.addCommand(command.copyInheritedSettings(program));
    for (const inner of command.commands) inner.copyInheritedSettings(program);
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (!(error instanceof UsageError)) throw error;
    await notes.say(error.message);
    return exitCode.usage;
  }
  return code;
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

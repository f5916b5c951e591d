import type { Writable } from "node:stream";
import { Command, CommanderError } from "./commander.ts";
import type { CommandHost } from "./commands/look-options.ts";
import { exitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Notes } from "./notes.ts";
import { OutputEnd } from "./output-end.ts";
import { UsageError } from "./usage-error.ts";

export type { Io } from "./io.ts";

/** A command as the help lists it. Its file is loaded when it is asked for, and for no other: start-up is quick. */
interface Entry {
  readonly description: string;
  /** `args` are those after its name. */
  readonly load: (host: CommandHost, args: readonly string[]) => Promise<Command>;
}

/** In the order of the help. */
const commands: Readonly<Record<string, Entry>> = {
  fetch: {
    description: "Fetch many URLs within limits, and report what became of every one of them.",
    load: async ({ io, notes, done }) => (await import("./commands/fetch.ts")).fetchCommand(io, notes, done),
  },
  demo: {
    description: "The avalanche made visible: the same overload on seven arrangements of a service.",
    load: async ({ io, notes, done }) => (await import("./commands/demo.ts")).demoCommand(io, notes, done),
  },
  locks: {
    description: "Who holds the semaphores that processes share on Redis or etcd, who waits, and since when.",
    load: async ({ io, notes, done }) => (await import("./commands/locks.ts")).locksCommand(io, notes, done),
  },
  delivery: {
    description: "What applying each event once needs in a database.",
    load: async ({ io, notes, done }) => (await import("./commands/delivery.ts")).deliveryCommand(io, notes, done),
  },
  gate: {
    description: "Block a release that is not safe: stores, pools, kernels, alerts, faults, capacity.",
    load: async (host, args) => (await import("./commands/gate.ts")).gateCommand(host, args),
  },
  ps: {
    description: "The processes that can be looked into, or the live tasks of one.",
    load: async (host) => (await import("./commands/show.ts")).psCommand(host),
  },
  tree: {
    description: "The scopes and tasks of a process, each below the task that made it.",
    load: async (host) => (await import("./commands/show.ts")).treeCommand(host),
  },
  profile: {
    description: "The tasks of a process, counted by what they are, what they wait for and where they began.",
    load: async (host) => (await import("./commands/show.ts")).profileCommand(host),
  },
  deadlocks: {
    description: "Tasks of a process that wait for each other, or that can never end.",
    load: async (host) => (await import("./commands/show.ts")).deadlocksCommand(host),
  },
  watch: {
    description: "A live view of a process, as top is of a machine.",
    load: async (host) => (await import("./commands/watch.ts")).watchCommand(host),
  },
  dump: {
    description: "Write down what all tasks of a process are doing, as JSON.",
    load: async (host) => (await import("./commands/dump.ts")).dumpCommand(host),
  },
  view: {
    description: "What is in a dump.",
    load: async (host) => (await import("./commands/show.ts")).viewCommand(host),
  },
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
  const [stdout, stderr] = [new OutputEnd(io.stdout), new OutputEnd(io.stderr)];
  const notes = new Notes(io.stderr);
  let code = await run(argv, io, notes);
  const failure = await stdout.taken();
  const isGate = argv[0] === "gate";
  // The other commands that fail have said why.
  if (failure !== undefined && (isGate || code === exitCode.ok)) {
    const { describeSystemError } = await import("./system-error.ts");
    await notes.say(`cannot write to stdout: ${describeSystemError(failure)}`);
    // 1 would mean that the gate blocks.
    if (code === exitCode.ok) code = isGate ? exitCode.inconclusive : exitCode.failed;
  }
  await stderr.taken();
  return code;
}

async function run(argv: readonly string[], io: Io, notes: Notes): Promise<number> {
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
    const wanted = argv.findIndex((each) => Object.hasOwn(commands, each));
    for (const [name, { description, load }] of Object.entries(commands)) {
      const command = name === argv[wanted] ? await load(host, argv.slice(wanted + 1)) : new Command(name);
      program.addCommand(inherit(command.description(description), program));
    }
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    if (error instanceof UsageError) {
      await notes.say(error.message);
      return exitCode.usage;
    }
    // Node would end with 1, which is what a gate that blocks ends with.
    if (argv[0] !== "gate") throw error;
    const { describeSystemError, systemCode } = await import("./system-error.ts");
    const isOurs = systemCode(error) === "" && error instanceof Error;
    await notes.say(`the gate failed: ${describeSystemError(error)}`);
    if (isOurs) await notes.print(error.stack ?? "");
    return exitCode.inconclusive;
  }
  return code;
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
  // An import of it would load all that node:fs only offers, such as node:fs/promises.
  const { readFileSync } = process.getBuiltinModule("node:fs");
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return manifest.version;
}

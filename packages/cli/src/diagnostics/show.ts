import { createColors } from "picocolors";
import { exitCode } from "../exit-code.ts";
import type { Io } from "../io.ts";
import { span } from "../locks/locks-text.ts";
import { headText, isStuck, stackText, stuckText, tasksText } from "./dump-text.ts";
import { dumpJson } from "./dump-out.ts";
import type { Dump, Hello, ProfileKind } from "./dump-types.ts";
import type { Watched } from "./find-process.ts";
import { findProcesses, howToStart } from "./find-process.ts";
import { look } from "./look.ts";
import { LookFailure } from "./look-failure.ts";
import { print } from "./print.ts";
import { profileText } from "./profile-text.ts";
import { readDump } from "./read-dump.ts";
import { safeJson, safeTexts } from "./safe-text.ts";
import { table } from "./table.ts";
import { treeText } from "./tree-text.ts";

interface ShowOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly json?: boolean;
}

interface LimitedOptions extends ShowOptions {
  readonly limit: number;
}

/** How many are asked at once. */
const abreast = 16;

/** The processes that can be looked into. */
export async function listProcesses(options: ShowOptions & { readonly folder?: string }, io: Io): Promise<number> {
  const found = findProcesses(options.folder, io.env);
  if (found.length === 0 && options.json !== true) {
    throw new LookFailure(`no process can be looked into; ${howToStart}`);
  }
  const rows: { watched: Watched; hello: Hello | undefined; problem: string | undefined }[] = [];
  for (let first = 0; first < found.length; first += abreast) {
    const some = found.slice(first, first + abreast);
    rows.push(...(await Promise.all(some.map((watched) => greet(watched, options.timeout)))));
  }
  if (options.json === true) {
    await print(safeJson(rows.map(({ watched, hello, problem }) => ({ id: watched.id, ...hello, problem }))), io);
  } else {
    await print(processesText(rows, colorsOf(io)), io);
  }
  if (rows.some(({ hello }) => hello !== undefined && isStuck({ ...hello, deadlocks: [] }))) return exitCode.failed;
  return rows.some(({ hello }) => hello === undefined) ? exitCode.noAnswer : exitCode.ok;
}

async function greet(watched: Watched, timeout: number) {
  try {
    return { watched, hello: await look(watched, timeout, (client) => client.hello()), problem: undefined };
  } catch (error) {
    if (!(error instanceof LookFailure)) throw error;
    return { watched, hello: undefined, problem: error.message };
  }
}

function processesText(
  rows: readonly {
    readonly watched: Watched;
    readonly hello: Hello | undefined;
    readonly problem: string | undefined;
  }[],
  colors: ReturnType<typeof createColors>,
): string {
  const head = ["pid", "up", "tasks", "leaked", "deadlocks", "preset", "program"];
  const cells = rows.map(({ watched: { id }, hello, problem }) => {
    if (hello === undefined) return [id, "?", "?", "?", "?", "?", problem ?? ""];
    const { uptime, totals, preset, program } = safeTexts(hello);
    const { tasksLive, leaked, deadlocks } = totals;
    return [id, span(uptime), String(tasksLive), String(leaked), String(deadlocks), preset, program];
  });
  const lines = table([head, ...cells], ["pid", "up", "tasks", "leaked", "deadlocks"]);
  return lines
    .map((line, row) => {
      if (row === 0) return colors.dim(line);
      const { hello } = rows[row - 1]!;
      return hello === undefined || isStuck({ ...hello, deadlocks: [] }) ? colors.red(line) : line;
    })
    .join("\n");
}

export async function showTasks(watched: Watched, options: LimitedOptions, io: Io): Promise<number> {
  const dump = await look(watched, options.timeout, (client) => client.snapshot(options.limit));
  return showDump(dump, options, io, (safe, colors) => tasksText(safe, options.limit, colors));
}

export async function showTree(watched: Watched, options: LimitedOptions, io: Io): Promise<number> {
  const dump = await look(watched, options.timeout, (client) => client.snapshot(options.limit));
  return showDump(dump, options, io, (safe, colors) => treeText(safe, options.limit, colors));
}

export async function showDeadlocks(watched: Watched, options: ShowOptions, io: Io): Promise<number> {
  const dump = await look(watched, options.timeout, (client) => client.deadlocks());
  return showDump(dump, options, io, (safe, colors) => stuckText(safe, colors));
}

export async function showProfile(
  watched: Watched,
  options: LimitedOptions & { readonly kind: ProfileKind },
  io: Io,
): Promise<number> {
  const { profile, hello } = await look(watched, options.timeout, async (client) => ({
    profile: await client.profile(options.kind),
    hello: await client.hello(),
  }));
  const text = options.json === true ? safeJson(profile) : profileText(safeTexts(profile), options.limit, colorsOf(io));
  await print(text, io);
  return isStuck({ ...hello, deadlocks: [] }) ? exitCode.failed : exitCode.ok;
}

/** A dump of a file. */
export async function showFile(
  file: string,
  options: LimitedOptions & { readonly as: "tasks" | "tree" | "deadlocks" | "text" },
  io: Io,
): Promise<number> {
  const dump = await readDump(file);
  const { formatDump } = await import("snowshed/diagnostics");
  return showDump(dump, options, io, (safe, colors) => {
    switch (options.as) {
      case "tree":
        return treeText(safe, options.limit, colors);
      case "deadlocks":
        return stuckText(safe, colors);
      case "text":
        return formatDump(safe);
      case "tasks":
        return [tasksText(safe, options.limit, colors), stuckText(safe, colors)].join("\n\n");
    }
  });
}

async function showDump(
  dump: Dump,
  { json }: ShowOptions,
  io: Io,
  textOf: (safe: Dump, colors: ReturnType<typeof createColors>) => string,
): Promise<number> {
  if (json === true) {
    await print(dumpJson(dump, safeJson), io);
  } else {
    const colors = colorsOf(io);
    const safe = safeTexts(dump);
    const parts = [headText(safe, colors), stackText(safe, colors), textOf(safe, colors)];
    await print(parts.filter((part) => part !== "").join("\n\n"), io);
  }
  return isStuck(dump) ? exitCode.failed : exitCode.ok;
}

/** Stdout takes colours when it is a terminal and nobody asks for none (no-color.org). */
function colorsOf({ stdout, env }: Io): ReturnType<typeof createColors> {
  const { NO_COLOR, TERM } = env;
  return createColors(stdout.isTTY === true && TERM !== "dumb" && (NO_COLOR === undefined || NO_COLOR === ""));
}

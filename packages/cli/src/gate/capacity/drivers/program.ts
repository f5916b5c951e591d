import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import path from "node:path";
import { CapacityFailure } from "../capacity-failure.ts";

interface Search {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
}

/** The path of a program: on PATH, else in the node_modules of `folder` or of one above it. */
export async function findProgram(name: string, install: string, { env, folder }: Search): Promise<string> {
  const places = (env["PATH"] ?? "").split(path.delimiter).filter((place) => place !== "");
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    places.push(path.join(at, "node_modules", ".bin"));
    if (at === path.dirname(at)) break;
  }
  for (const place of places) {
    const file = path.join(place, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  throw new CapacityFailure(`${name} is not there: ${install}`);
}

interface Ended {
  /** Null: it was killed, since it took too long. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const longestOutput = 4_000_000;

/** Runs a program until it has ended; `signal` and the time limit end it. Its output is kept up to 4 MB. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly limitMs: number; readonly env?: Search["env"] },
): Promise<Ended> {
  const { signal, limitMs, env } = options;
  signal.throwIfAborted();
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], ...(env === undefined ? {} : { env }) });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout = (stdout + String(chunk)).slice(0, longestOutput)));
  child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + String(chunk)).slice(-4000)));
  let force: NodeJS.Timeout | undefined;
  const end = (): void => {
    child.kill("SIGTERM");
    force ??= setTimeout(() => child.kill("SIGKILL"), 3000);
  };
  const limit = setTimeout(end, limitMs);
  signal.addEventListener("abort", end, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", (error) => reject(new CapacityFailure(`cannot run ${file}: ${error.message}`)));
      child.once("close", resolve);
    });
    signal.throwIfAborted();
    return { code, stdout, stderr };
  } finally {
    clearTimeout(limit);
    clearTimeout(force);
    signal.removeEventListener("abort", end);
  }
}

/** The last line a program wrote, as the reason that a step does not count. */
export function reasonOf(name: string, { code, stdout, stderr }: Ended): string {
  const line = (stderr.trim() || stdout.trim()).split("\n").at(-1) ?? "";
  return `${name} ended with ${code ?? "a signal"}: ${line.slice(0, 200)}`;
}

import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** How a run of promtool ended, and everything it said. */
export interface PromtoolRun {
  readonly ok: boolean;
  readonly output: string;
}

/** Where promtool is, by `PATH`; null when it is not installed. */
export function findPromtool(env: Readonly<Record<string, string | undefined>>): string | null {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const names = process.platform === "win32" ? ["promtool.exe"] : ["promtool"];
  const places = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return places.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs it for at most a minute. Rejects when it could not be run at all, was stopped, or took longer. */
export function runPromtool(program: string, args: readonly string[], signal?: AbortSignal): Promise<PromtoolRun> {
  return new Promise((resolve, reject) => {
    const options = { timeout: 60_000, maxBuffer: 32 * 1024 * 1024, ...(signal === undefined ? {} : { signal }) };
    execFile(program, args, options, (error, stdout, stderr) => {
      const output = `${stdout}\n${stderr}`;
      if (error === null) resolve({ ok: true, output });
      else if (typeof error.code === "number") resolve({ ok: false, output });
      else reject(new Error(`promtool did not end by itself: ${error.killed ? "it took too long" : error.message}`));
    });
  });
}

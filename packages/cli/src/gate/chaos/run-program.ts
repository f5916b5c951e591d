import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";

export interface ProgramResult {
  /** Null: it was ended by a signal, such as after the timeout. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Where a program lies on the PATH of `env`; null when it does not. */
export function findProgram(name: string, env: ProgramOptions["env"]): string | null {
  const folders = (env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  for (const folder of folders) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this one.
    }
  }
  return null;
}

/** Runs a program without a shell. Never rejects: one that cannot be started has the code 127, as in a shell. */
export function runProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const { env, timeoutMs = 30_000, input, signal } = options;
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { env: { ...env }, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 1024 * 1024, signal },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
        else if (error.code === "ENOENT") resolve({ code: 127, stdout, stderr: `${program} is not there` });
        else resolve({ code: null, stdout, stderr: stderr === "" ? error.message : stderr });
      },
    );
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}

/** What it said when it failed, in a line. */
export function failureText({ code, stdout, stderr }: ProgramResult): string {
  const said = (stderr.trim() === "" ? stdout : stderr).trim().replaceAll(/\s*\n\s*/g, "; ");
  return `${code === null ? "it was ended" : `exit code ${code}`}${said === "" ? "" : `: ${said.slice(0, 500)}`}`;
}

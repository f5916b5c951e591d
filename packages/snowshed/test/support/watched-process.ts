import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** A program that a test looks into: see `startProgram()`. */
export class WatchedProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly closed: Promise<unknown>;
  stdout = "";
  stderr = "";

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.child = child;
    this.closed = once(child, "close");
    child.stdin.on("error", () => {});
    child.stdout.on("data", (chunk) => (this.stdout += String(chunk)));
    child.stderr.on("data", (chunk) => (this.stderr += String(chunk)));
  }

  get pid(): number {
    return this.child.pid!;
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Until the program has written this; fails if it ends before. */
  says(text: string): Promise<void> {
    return this.#until(() => this.stdout.includes(text), text);
  }

  /** Until stderr matches; fails if it ends before. */
  warns(pattern: RegExp): Promise<void> {
    return this.#until(() => pattern.test(this.stderr), String(pattern));
  }

  #until(isThere: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (isThere()) resolve();
      };
      this.child.stdout.on("data", look);
      this.child.stderr.on("data", look);
      void this.closed.then(() => reject(new Error(`ended without ${what}: ${this.stdout}${this.stderr}`)));
      look();
    });
  }

  /** Sends the program a line, on which it does its next step. */
  step(): void {
    this.child.stdin.write("step\n");
  }

  async end(): Promise<void> {
    this.child.stdin.end();
    await this.closed;
  }
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Another user: only root can become one. */
  readonly uid?: number;
  /** What runs the command, given as `"$@"`. */
  readonly shell?: string;
}

/**
 * Begins to run an ES module in which "snowshed" is the built package, `step()` waits for a line of the test, and which
 * ends when the test has ended. Resolves when it has written "ready".
 */
export async function startProgram(code: string, options: StartOptions = {}): Promise<WatchedProcess> {
  const { env: more = {}, uid, shell } = options;
  const env = { PATH: process.env["PATH"], TMPDIR: tmpdir(), NO_COLOR: "1", ...more };
  const prelude = `
    import { createInterface } from "node:readline";
    const lines = createInterface({ input: process.stdin });
    const step = () => new Promise((resolve) => lines.once("line", resolve));
    lines.once("close", () => setTimeout(() => process.exit(), 200).unref());
  `;
  const args = ["--expose-gc", "--input-type=module", "--eval", prelude + code];
  const user = uid === undefined ? {} : { uid, gid: uid };
  const [command, given] =
    shell === undefined ? [process.execPath, args] : ["sh", ["-c", shell, "sh", process.execPath, ...args]];
  const child = spawn(command, given, { cwd: root, env, stdio: ["pipe", "pipe", "pipe"], ...user });
  onTestFinished(() => void child.kill("SIGKILL"));
  const program = new WatchedProcess(child);
  await program.says("ready");
  return program;
}

/** An empty folder that only its user can open, until the test ends. Short: its path is part of that of a socket. */
export function privateFolder(mode = 0o700): string {
  const folder = mkdtempSync(path.join(tmpdir(), "sn-"));
  chmodSync(folder, mode);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a socket answers to lines, each as it comes, until it closes or has answered as many times. */
export async function exchange(address: string, input: string, answers: number): Promise<Record<string, unknown>[]> {
  const socket = connect(address);
  onTestFinished(() => void socket.destroy());
  let text = "";
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (text.split("\n").length > answers) resolve();
    });
    socket.write(input);
  });
  socket.destroy();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

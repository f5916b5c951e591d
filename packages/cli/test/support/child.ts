import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { onTestFinished, vi } from "vitest";

// Starting processes takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** The built command line: the test runner builds it before the first test. */
const bin: string = fileURLToPath(new URL("../../dist/bin.js", import.meta.url));

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The command line in a process of its own; `ended` resolves when it is gone and all it wrote was read. With `"open"` its
 * stdin stays open and is for the test to write.
 */
export function start(argv: readonly string[], stdin: string = ""): { child: Child; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [bin, ...argv], { stdio: ["pipe", "pipe", "pipe"] });
  if (stdin !== "open") child.stdin.end(stdin);
  return { child, ended: end(child) };
}

/** A shell script in which `$SNOWSHED` is the command line. */
export function shell(script: string, environment: Record<string, string> = {}): Promise<Ended> {
  const env = { ...process.env, ...environment, SNOWSHED: `"${process.execPath}" "${bin}"` };
  return end(
    spawn("bash", ["-c", script.replaceAll("$SNOWSHED", env.SNOWSHED)], { env, stdio: ["pipe", "pipe", "pipe"] }),
  );
}

async function end(child: Child): Promise<Ended> {
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdin.on("error", () => {});
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

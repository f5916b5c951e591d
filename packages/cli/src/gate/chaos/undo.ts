import process from "node:process";
import { startTime } from "./processes.ts";
import { failureText, runProgram } from "./run-program.ts";

/** How a fault is taken back: plain data, so that another process can do it. Doing it twice does no harm. */
export type Undo =
  | {
      readonly kind: "program";
      readonly program: string;
      readonly args: readonly string[];
      /** Part of what it says when there is nothing to undo any more. */
      readonly gone: readonly string[];
      /** Asked afterwards: its output must have `says` in it, or when that is null, fail with a part of `gone`. */
      readonly check?: { readonly args: readonly string[]; readonly says: string | null };
    }
  | { readonly kind: "http"; readonly method: "DELETE"; readonly url: string }
  | { readonly kind: "continue"; readonly pid: number; readonly startTime: string }
  /** Ends with the process that injected it. */
  | { readonly kind: "process"; readonly pid: number; readonly startTime: string }
  /** Cannot be taken back; `advice` says what a person can do. */
  | { readonly kind: "none"; readonly advice: string };

/** The programs that a journal may name: one that was tampered with is to start nothing else. */
const programs: ReadonlySet<string> = new Set(["nft", "tc", "blade", "kubectl"]);

/** Takes a fault back. Resolves with null, or with why it is still there. */
export async function undo(step: Undo, env: Readonly<Record<string, string | undefined>>): Promise<string | null> {
  switch (step.kind) {
    case "program":
      return undoByProgram(step, env);
    case "http":
      return undoByRequest(step);
    case "continue":
      if (startTime(step.pid) !== step.startTime) return null;
      try {
        process.kill(step.pid, "SIGCONT");
        return null;
      } catch (error) {
        return `the process ${step.pid} cannot be continued: ${(error as Error).message}`;
      }
    case "process":
      if (step.pid === process.pid || startTime(step.pid) !== step.startTime) return null;
      return `the process ${step.pid} holds the fault, and runs: end it`;
    case "none":
      return null;
  }
}

async function undoByProgram(
  { program, args, gone, check }: Extract<Undo, { kind: "program" }>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  if (!programs.has(program)) return `the journal names ${JSON.stringify(program)}, which is no tool of an engine`;
  const result = await runProgram(program, args, { env, timeoutMs: 60_000 });
  const isGone = gone.some((text) => `${result.stdout}${result.stderr}`.includes(text));
  if (result.code !== 0 && !isGone) return `${program} ${args.join(" ")}: ${failureText(result)}`;
  if (check === undefined || isGone) return null;
  const state = await runProgram(program, check.args, { env, timeoutMs: 60_000 });
  const hasGone = state.code !== 0 && gone.some((text) => state.stderr.includes(text));
  const holds = check.says === null ? hasGone : state.stdout.includes(check.says);
  return holds
    ? null
    : `${program} ${args.join(" ")} was answered, and the fault may still be there: ${failureText(state)}`;
}

async function undoByRequest({ method, url }: Extract<Undo, { kind: "http" }>): Promise<string | null> {
  try {
    const response = await fetch(url, { method, signal: AbortSignal.timeout(10_000), redirect: "error" });
    await response.body?.cancel();
    return response.ok || response.status === 404 ? null : `${method} ${url}: ${response.status}`;
  } catch (error) {
    // Nobody listens: the proxies ended, and the fault with them.
    const { cause } = error as { readonly cause?: { readonly code?: string } };
    return cause?.code === "ECONNREFUSED" ? null : `${method} ${url}: ${cause?.code ?? (error as Error).message}`;
  }
}

/** In words, for the plan. */
export function undoText(step: Undo): string {
  switch (step.kind) {
    case "program":
      return [step.program, ...step.args].join(" ");
    case "http":
      return `${step.method} ${step.url}`;
    case "continue":
      return `SIGCONT to the process ${step.pid}`;
    case "process":
      return "the proxies pass everything again, and end with this process";
    case "none":
      return `none: ${step.advice}`;
  }
}

import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Fate, ToChild, ToParent } from "./messages.ts";
import type { Protection } from "./protections.ts";
import type { Phase } from "./timeline.ts";

/** What one arrangement went through: raw, to be summarised and plotted. */
export interface Recording {
  readonly protection: Pick<Protection, "name" | "title" | "description">;
  readonly plan: readonly Phase[];
  /** Of each user: when they came, in ms from the start; how they fared; how long that took, in ms. */
  readonly fates: (readonly [at: number, fate: Fate, latency: number])[];
  /** Of the service, every 100 ms. */
  readonly gauges: Gauge[];
  /** The generator's own lag, 99th percentile, in ms. */
  lag: number;
}

export interface Gauge {
  /** Milliseconds from the start. */
  readonly at: number;
  readonly received: number;
  readonly inflight: number;
  readonly limit: number | null;
  readonly rss: number;
}

/**
 * Starts the four processes, lets the users come, and ends the processes again, whatever happens. `onChange` is called
 * when something was recorded. `signal` ends it early, with what there is.
 */
export async function record(
  protection: Protection,
  plan: readonly Phase[],
  seed: number,
  onChange: (recording: Recording, elapsed: number) => void,
  signal: AbortSignal,
): Promise<Recording> {
  const { name, title, description } = protection;
  const recording: Recording = { protection: { name, title, description }, plan, fates: [], gauges: [], lag: 0 };
  const children: ChildProcess[] = [];
  const timers: NodeJS.Timeout[] = [];
  let stop: (() => void) | undefined;
  const onAbort = (): void => {
    stop?.();
    for (const child of children) child.kill("SIGKILL");
  };
  signal.addEventListener("abort", onAbort, { once: true });
  const start = (file: string, args: readonly string[]): ChildProcess => {
    // Standard output is the parent's to write; what a child has to complain of goes to stderr.
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "advanced",
    });
    children.push(child);
    return child;
  };
  try {
    const database = start("./database.js", []);
    const databasePort = await portOf(database);
    const service = start("./service.js", [name, databasePort]);
    const servicePort = await portOf(service);
    const gateway = start("./gateway.js", [name, servicePort]);
    const users = start("./users.js", [await portOf(gateway)]);

    const begin = performance.now();
    const elapsed = (): number => performance.now() - begin;
    service.on("message", (message: ToParent) => {
      if (message.kind === "gauges") recording.gauges.push({ ...message, at: elapsed() });
    });
    let from = 0;
    for (const { seconds, slowdown } of plan) {
      timers.push(setTimeout(() => tell(database, { kind: "slowdown", factor: slowdown }), from));
      from += seconds * 1000;
    }
    await new Promise<void>((resolve, reject) => {
      users.on("message", (message: ToParent) => {
        if (message.kind === "fates") recording.fates.push(...message.fates);
        if (message.kind === "done") {
          recording.lag = message.lag;
          resolve();
        }
        onChange(recording, elapsed());
      });
      for (const child of children) {
        child.once("exit", (code) => reject(new Error(`a process of the demonstration ended early (${code})`)));
      }
      stop = resolve;
      tell(users, { kind: "start", plan, seed });
    });
    return recording;
  } catch (error) {
    if (signal.aborted) return recording;
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const timer of timers) clearTimeout(timer);
    await Promise.all(children.map(end));
  }
}

function portOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("a process of the demonstration did not start"));
    child.once("exit", ended);
    child.once("message", (message: ToParent) => {
      child.off("exit", ended);
      if (message.kind === "listening") resolve(String(message.port));
      else reject(new Error(`expected a port, got ${message.kind}`));
    });
  });
}

function tell(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message);
}

async function end(child: ChildProcess): Promise<void> {
  child.removeAllListeners("exit");
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

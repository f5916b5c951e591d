import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface Watchdog {
  /** It ends without doing anything. */
  dismiss(): Promise<void>;
}

/** The program of the child: what is built, also when this runs from the source. */
const program = fileURLToPath(
  import.meta.url.replace(/\/(?:src|dist)\/gate\/chaos\/watchdog\.[jt]s$/, "/dist/gate/chaos/watchdog-main.js"),
);

/**
 * Starts a process that takes a fault back when this one has been killed, or after `ms`. Resolves when it watches.
 * @throws Error when it cannot be started: then nothing is to be injected.
 */
export async function startWatchdog(
  journal: string,
  ms: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Watchdog> {
  // In a group of its own: a signal for this process and its children does not reach it.
  const child = spawn(process.execPath, [program, journal, String(Math.ceil(ms))], {
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...env, NODE_OPTIONS: "" },
  });
  child.stdin.on("error", () => {});
  const gone = once(child, "close");
  gone.catch(() => {});
  const isReady = await Promise.race([
    once(child.stdout, "data").then(
      () => true,
      () => false,
    ),
    gone.then(
      () => false,
      () => false,
    ),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20_000).unref()),
  ]);
  if (!isReady) {
    child.kill("SIGKILL");
    throw new Error("the watchdog does not start, so nothing would take the fault back if this process were killed");
  }
  child.unref();
  return {
    dismiss: async () => {
      // Nothing else may be left to wait for, and then the process would end here, in the middle.
      child.ref();
      // Not by its stdin: what could not be taken back is for the user to see, not to be tried again behind their back.
      child.kill("SIGKILL");
      await gone.catch(() => {});
    },
  };
}

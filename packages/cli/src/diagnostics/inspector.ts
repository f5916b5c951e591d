import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { exitCode } from "../exit-code.ts";
import { checkDump } from "./check-dump.ts";
import type { Dump } from "./dump-types.ts";
import type { Watched } from "./find-process.ts";
import { isStopped, statusOf } from "./find-process.ts";
import { InspectorSession } from "./inspector-session.ts";
import { LookFailure } from "./look-failure.ts";
import { ProcessClient } from "./process-client.ts";

export interface InspectorOptions {
  readonly watched: Watched;
  readonly port: number;
  /** Milliseconds for each step. */
  readonly timeout: number;
  /** Of tasks. */
  readonly limit: number;
}

export interface Inspected {
  readonly dump: Dump;
  /** The inspector that was opened for this is closed again, or was open before. */
  readonly isAsBefore: boolean;
}

const host = "127.0.0.1";
const close = "(globalThis.process._debugEnd ?? globalThis.process.getBuiltinModule('node:inspector').close)()";
/** The signal is heard twice: at once, and by the event loop when it is free, which would open what was closed. */
const closeAgain = `globalThis.setImmediate(() => globalThis.setTimeout(() => ${close}, 50).unref?.())`;

/**
 * A dump of a process with a blocked event loop. The thread of the inspector can interrupt code that computes, where
 * signals and sockets wait for its end: the program is asked in the middle of it, and goes on.
 *
 * The inspector is opened by SIGUSR1, on the loopback address, and closed afterwards unless it was open before. While it
 * is open, every user of the machine can use it.
 */
export async function inspect(options: InspectorOptions): Promise<Inspected> {
  const { watched, port, timeout } = options;
  const { pid, id } = watched;
  if (id !== String(pid)) throw new LookFailure("--inspector asks the main thread of a process: give its number alone");
  if (isStopped(pid)) throw new LookFailure(`process ${pid} is stopped by a signal; kill -CONT ${pid} lets it go on`);
  const wasOpen = (await addressAt(port)) !== undefined;
  if (!wasOpen) open(pid);
  const session = await sessionAt(await addressOf(watched, port, timeout), wasOpen, options);
  let isAsBefore = wasOpen;
  let dump: Dump;
  try {
    await identify(session, options);
    dump = await read(session, options);
  } finally {
    // A process that does not answer does this as soon as it can.
    if (!wasOpen) session.run(`${closeAgain}; ${close}`);
    await session.close();
    if (!wasOpen) isAsBefore = await isClosed(port, timeout);
  }
  return { dump, isAsBefore };
}

function open(pid: number): void {
  if (process.platform === "win32") {
    // There Node has another way than the signal, and a function for it that only its types do not know.
    (process as unknown as { _debugProcess(pid: number): void })._debugProcess(pid);
    return;
  }
  const [, caught] = /^SigCgt:\s+([0-9a-f]+)/m.exec(statusOf(pid)) ?? [];
  // Without a listener the signal ends a process. Its number is 10 on Linux.
  if (caught !== undefined && (BigInt(`0x${caught}`) & (1n << 9n)) === 0n) {
    throw new LookFailure(`process ${pid} does not hear SIGUSR1, which opens the inspector: it is not sent`);
  }
  process.kill(pid, "SIGUSR1");
}

async function addressOf(watched: Watched, port: number, timeout: number): Promise<string> {
  const { pid } = watched;
  const end = performance.now() + timeout;
  do {
    const address = await addressAt(port);
    if (address !== undefined) return address;
    await sleep(20);
  } while (performance.now() < end);
  // It would open when the call has ended, and stay open.
  await closeLater(watched);
  throw new LookFailure(
    `the inspector of process ${pid} has not opened at ${host}:${port}: the process may have another port ` +
      "(--inspector-port), or be in a call of the system that nothing interrupts, such as execSync() or a read of a slow disk",
    exitCode.noAnswer,
  );
}

async function sessionAt(address: string, wasOpen: boolean, options: InspectorOptions): Promise<InspectorSession> {
  try {
    return await InspectorSession.connect(address, options.timeout);
  } catch (error) {
    if (!wasOpen) await closeLater(options.watched);
    throw error;
  }
}

/** Leaves a request that the process reads as soon as its event loop is free. */
async function closeLater({ address }: Watched): Promise<void> {
  try {
    const client = await ProcessClient.connect(address, 1000);
    await client.leave({ request: "close-inspector" });
  } catch {
    // It has ended, or takes no connections: nothing more can be done from here.
  }
}

/** Where the inspector that listens at the port is to be reached; undefined: there is none. */
async function addressAt(port: number): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://${host}:${port}/json/list`, { signal: AbortSignal.timeout(1000) });
    const [target] = (await answer.json()) as { webSocketDebuggerUrl?: unknown }[];
    const address = target?.webSocketDebuggerUrl;
    // Not where it says, but here.
    return typeof address === "string" ? `ws://${host}:${port}${new URL(address).pathname}` : undefined;
  } catch {
    return undefined;
  }
}

async function identify(session: InspectorSession, { watched, port, timeout }: InspectorOptions): Promise<void> {
  const { pid } = watched;
  const found = await session.evaluate("globalThis.process.pid", timeout);
  if (found === undefined) {
    throw new LookFailure(
      `the inspector of process ${pid} does not answer either: it is not in JavaScript that can be interrupted, but in ` +
        "a call of the system such as execSync() or a read of a slow disk",
      exitCode.noAnswer,
    );
  }
  if (found !== pid) {
    throw new LookFailure(
      `the inspector at ${host}:${port} is that of process ${JSON.stringify(found)}, not of ${pid}`,
    );
  }
}

async function read(session: InspectorSession, { watched, timeout, limit }: InspectorOptions): Promise<Dump> {
  const stack = (await session.turns(Math.min(timeout, 500))) ? [] : await session.stack(timeout);
  const door = 'globalThis[Symbol.for("snowshed.diagnostics.v1")]';
  const answer = await session.evaluate(`${door} && JSON.stringify(${door}.snapshot(${limit}))`, timeout);
  if (typeof answer === "string") return { ...checkDump(JSON.parse(answer)), stack };
  const place = stack.length === 0 ? "its event loop is free" : `it is in ${stack.slice(0, 5).join(", called by ")}`;
  throw new LookFailure(`process ${watched.pid} gives no dump, nothing in it is watched; ${place}`);
}

async function isClosed(port: number, timeout: number): Promise<boolean> {
  const end = performance.now() + timeout;
  do {
    if ((await addressAt(port)) === undefined) return true;
    await sleep(50);
  } while (performance.now() < end);
  return false;
}

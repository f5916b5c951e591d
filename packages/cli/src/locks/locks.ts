import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import type { LeaseHolder, LeaseInspection } from "snowshed/redis";
import { wantsColor } from "../fetch/terminal.ts";
import { exitCode, exitCodeOfSignal } from "../exit-code.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { describeSystemError } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import type { Lock, LockSource } from "./lock-source.ts";
import { lockText, span } from "./locks-text.ts";

export interface LocksOptions {
  /** Checked: one of `redis:`, `rediss:`, `etcd:`, `etcds:`. */
  readonly url: URL;
  /** Of the keys; undefined: the one that the library uses. */
  readonly prefix: string | undefined;
  readonly name: string | undefined;
  /** The id of the holder whose lease is to be taken. */
  readonly release: string | undefined;
  /** Do not ask. */
  readonly yes: boolean;
  readonly json: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

interface Found {
  readonly lock: Lock;
  readonly state: LeaseInspection;
}

/** Shows who holds and who waits, or takes a lease from its holder. */
export async function runLocks(options: LocksOptions, io: Io, notes: Notes): Promise<number> {
  let source: LockSource | undefined;
  try {
    source = await open(options);
    const found = await look(source, options);
    if (options.release !== undefined) return await release(options.release, found, options, io, notes);
    const isMissing = options.name !== undefined && found.length === 0;
    if (options.json) await print(asJson(source, found), io);
    else if (!isMissing) await print(asText(source, found, io), io);
    if (isMissing) await notes.say(`there is no semaphore "${options.name}" at ${source.address}`);
    return isMissing ? exitCode.failed : exitCode.ok;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    await notes.say(
      `cannot ask ${source?.address ?? `${options.url.protocol}//${options.url.host}`}: ${reasonOf(error)}`,
    );
    return exitCode.failed;
  } finally {
    await source?.close().catch(() => {});
  }
}

async function open({ url, prefix, timeout }: LocksOptions): Promise<LockSource> {
  if (url.protocol.startsWith("redis")) {
    const { redisLocks } = await import("./redis-locks.ts");
    return redisLocks(url, prefix ?? "snowshed", timeout);
  }
  const { etcdLocks } = await import("./etcd-locks.ts");
  return etcdLocks(url, prefix ?? "snowshed/semaphore", timeout);
}

async function look(source: LockSource, { name }: LocksOptions): Promise<Found[]> {
  let wanted: readonly string[];
  if (name === undefined) wanted = (await source.names()).toSorted();
  else wanted = (await source.exists(name)) ? [name] : [];
  const found: Found[] = [];
  for (const each of wanted) {
    const lock = source.lock(each);
    const state = await lock.inspect().catch((error: unknown) => {
      // Another's key that looks like one of ours.
      if (name === undefined && reasonOf(error).includes("WRONGTYPE")) return undefined;
      throw error;
    });
    if (state !== undefined) found.push({ lock, state });
  }
  return found;
}

async function release(id: string, found: Found[], options: LocksOptions, io: Io, notes: Notes): Promise<number> {
  const held = found.flatMap(({ lock, state }) => state.holders.map((holder) => ({ lock, holder })));
  const target = held.find(({ holder }) => holder.id === id);
  if (target === undefined) {
    await notes.say(`no lease has the id ${id}: it may have been given back, or have ended`);
    return exitCode.failed;
  }
  const { lock, holder } = target;
  if (!options.yes) {
    const answer = await ask(question(lock.name, holder), io);
    if (answer === "interrupted") return exitCodeOfSignal(io.interrupt?.reason);
    if (answer !== "yes") {
      await notes.say("nothing was changed");
      return exitCode.failed;
    }
  }
  const isReleased = await lock.releaseHolder(id);
  if (options.json) await print(JSON.stringify({ name: lock.name, id, released: isReleased }), io);
  else if (isReleased) await notes.say(`released ${id} of "${lock.name}"; its holder is told`);
  if (isReleased) return exitCode.ok;
  if (!options.json) await notes.say(`the lease ${id} of "${lock.name}" had just ended by itself`);
  return exitCode.failed;
}

function question(name: string, { owner, weight, since, expiresIn }: LeaseHolder): string {
  const units = weight === 1 ? "1 unit" : `${weight} units`;
  return (
    `${owner} holds ${units} of "${name}" since ${span(Date.now() - since)}, and renews it (${span(expiresIn)} left). ` +
    `What it does with it may go on: only what checks the fence refuses it.\nTake it away? [y/N] `
  );
}

async function ask(text: string, io: Io): Promise<"yes" | "no" | "interrupted"> {
  if (io.stdin.isTTY !== true) {
    throw new UsageError("--release asks before it acts, and stdin is no terminal: say --yes if you are sure");
  }
  const isInterrupted = (): boolean => io.interrupt?.aborted === true;
  if (isInterrupted()) return "interrupted";
  const reader = createInterface({ input: io.stdin, output: io.stderr });
  const stopped = io.interrupt === undefined ? new Promise<never>(() => {}) : once(io.interrupt, "abort");
  try {
    const answer = await Promise.race([
      reader.question(text),
      stopped.then(() => null),
      once(reader, "close").then(() => ""),
    ]);
    if (answer === null || isInterrupted()) return "interrupted";
    return /^y(es)?$/i.test(answer.trim()) ? "yes" : "no";
  } finally {
    reader.close();
  }
}

function asText(source: LockSource, found: readonly Found[], io: Io): string {
  if (found.length === 0) return `no semaphores at ${source.address}`;
  const now = Date.now();
  return found.map(({ lock, state }) => lockText(lock.name, state, now, wantsColor(io))).join("\n\n");
}

function asJson(source: LockSource, found: readonly Found[]): string {
  const semaphores = found.map(({ lock, state }) => ({ name: lock.name, ...state }));
  return JSON.stringify({ address: source.address, semaphores }, tokensAsText);
}

/** A token may be more than a number of JSON can hold exactly. */
function tokensAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

async function print(text: string, { stdout }: Io): Promise<void> {
  if (!stdout.write(`${text}\n`) && !stdout.destroyed) {
    await Promise.race([once(stdout, "drain"), once(stdout, "close")]).catch(() => {});
  }
}

/** What went wrong, in one line: what the server or the system said, without what wraps it. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  if (cause instanceof Error && cause.message !== "" && !message.includes(cause.message)) {
    return `${message}: ${describeSystemError(cause)}`;
  }
  return describeSystemError(error);
}

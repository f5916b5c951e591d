import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import type { Io } from "../io.ts";
import { LookFailure } from "./look-failure.ts";

/** A thread that can be looked into: `4242`, or `4242-1` for a worker thread. */
export interface Watched {
  readonly id: string;
  readonly pid: number;
  readonly address: string;
}

export const howToStart =
  "start it with `node --import snowshed/register`, or call enable() and listen() of snowshed/diagnostics in it";

const pipes = String.raw`\\.\pipe`;

/** All that can be looked into by this user, in the order of their numbers. */
export function findProcesses(folder: string | undefined, env: Io["env"]): Watched[] {
  const found = new Map<string, Watched>();
  for (const each of process.platform === "win32" ? [pipes] : foldersFor(folder, env)) {
    for (const watched of socketsIn(each)) {
      if (!found.has(watched.id) && isAlive(watched.pid) && isOwnSocket(each, watched)) found.set(watched.id, watched);
    }
  }
  return [...found.values()].toSorted((left, right) => left.pid - right.pid || (left.id < right.id ? -1 : 1));
}

/** The process with this id; the only one there is when no id is given. Throws `LookFailure`. */
export function findProcess(id: string | undefined, folder: string | undefined, env: Io["env"]): Watched {
  const found = findProcesses(folder, env);
  if (id === undefined) {
    const [only, ...others] = found;
    if (only === undefined) throw new LookFailure(`no process can be looked into; ${howToStart}`);
    if (others.length === 0) return only;
    throw new LookFailure(`which process? ${found.map((each) => each.id).join(", ")}; snowshed ps tells what they are`);
  }
  const watched = found.find((each) => each.id === id);
  if (watched !== undefined) return watched;
  throw new LookFailure(whyNot(Number.parseInt(id, 10)));
}

/** Whether a signal stopped it, as Ctrl-Z does: known on Linux alone. */
export function isStopped(pid: number): boolean {
  return /^State:\s+T/m.test(statusOf(pid));
}

/** What Linux says of a process; empty elsewhere. */
export function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

function whyNot(pid: number): string {
  try {
    process.kill(pid, 0);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPERM") return `process ${pid} belongs to another user: ask as that user, or as root`;
    return `there is no process ${pid}`;
  }
  return `process ${pid} cannot be looked into, it has no socket: ${howToStart}`;
}

/** Where sockets of this user may be; for root those of all users. What is not private to its user is left out. */
function foldersFor(folder: string | undefined, env: Io["env"]): string[] {
  if (folder !== undefined) {
    if (ownerOf(folder) === undefined) {
      throw new LookFailure(`--folder: ${folder} is no folder that is private to a user (0700)`);
    }
    return [folder];
  }
  const uid = process.geteuid?.() ?? 0;
  const { XDG_RUNTIME_DIR: runtime } = env;
  const temporary = new Set([tmpdir(), "/tmp"]);
  const places = new Map<string, number>();
  if (runtime !== undefined && path.isAbsolute(runtime)) places.set(path.join(runtime, "snowshed"), uid);
  for (const user of uid === 0 ? [0, ...entriesOf("/run/user").map(Number)] : [uid]) {
    places.set(`/run/user/${user}/snowshed`, user);
  }
  for (const above of temporary) {
    const names = uid === 0 ? entriesOf(above) : [`snowshed-${uid}`];
    for (const name of names) {
      const [, user] = /^snowshed-(\d+)$/.exec(name) ?? [];
      if (user !== undefined) places.set(path.join(above, name), Number(user));
    }
  }
  return [...places].filter(([place, user]) => ownerOf(place) === user).map(([place]) => place);
}

function socketsIn(folder: string): Watched[] {
  const pattern = folder === pipes ? /^snowshed-((\d{1,10})(?:-\d+)?)$/ : /^((\d{1,10})(?:-\d+)?)\.sock$/;
  return entriesOf(folder).flatMap((name) => {
    const [, id, pid] = pattern.exec(name) ?? [];
    return id === undefined ? [] : [{ id, pid: Number(pid), address: path.join(folder, name) }];
  });
}

/** A user may name a socket after the process of another one, and root, who asks all, would take it for that. */
function isOwnSocket(folder: string, { pid }: Watched): boolean {
  const owner = process.platform === "win32" ? undefined : ownerOf(folder);
  const [, user] = /^Uid:\s+\d+\s+(\d+)/m.exec(statusOf(pid)) ?? [];
  return user === undefined || owner === undefined || owner === 0 || owner === Number(user);
}

/** The user that a private folder belongs to; undefined if it is none, a link, or open to others. */
function ownerOf(folder: string): number | undefined {
  try {
    const found = lstatSync(folder);
    return found.isDirectory() && (found.mode & 0o077) === 0 ? found.uid : undefined;
  } catch {
    return undefined;
  }
}

function entriesOf(folder: string): string[] {
  try {
    return statSync(folder).isDirectory() || folder === pipes ? readdirSync(folder) : [];
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a test needs of a server that runs on this machine. */
export interface ServerPrograms {
  readonly server: string;
  readonly names: readonly string[];
  /** The directories in which they may be, the best first. */
  readonly places: () => readonly string[];
  /** Of Debian, with all of them and what they need. */
  readonly packages: readonly string[];
}

/** Where to install from; the tests of this file have others. */
export interface Installer {
  readonly aptGet: string;
  readonly isRoot: boolean;
  /** A file that is locked while somebody installs. */
  readonly lock: string;
}

const debian: Installer = {
  aptGet: "/usr/bin/apt-get",
  isRoot: process.getuid?.() === 0,
  lock: join(tmpdir(), "snowshed-apt-get.lock"),
};

/** The lists of packages may be old, or not there at all. */
const install = 'install="$0 install -y --no-install-recommends $*"; $install || { $0 update && $install; }';

/** The directory that has all of `needed`: found, or installed as root on Debian and its kin. */
export async function findOrInstall(needed: ServerPrograms, installer: Installer = debian): Promise<string> {
  const { aptGet, isRoot, lock } = installer;
  // Another test file may be at it: programs that have been unpacked are not all that a package sets up.
  if (isRoot && existsSync(lock)) await run("flock", [lock, "true"]);
  const found = find(needed);
  if (found !== undefined) return found;
  let said = "";
  if (isRoot && existsSync(aptGet)) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    said = await run("flock", [lock, "sh", "-c", install, aptGet, ...needed.packages], { env }).catch(String);
  }
  const installed = find(needed);
  if (installed !== undefined) return installed;
  const tried = said === "" ? "" : `\n${said.slice(-2000)}`;
  const [programs, packages] = [needed.names.join(", "), needed.packages.join(" ")];
  throw new Error(
    `this test needs the programs of a ${needed.server} server (${programs}): install ${packages}${tried}`,
  );
}

function find({ names, places }: ServerPrograms): string | undefined {
  return places().find((place) => names.every((name) => existsSync(join(place, name))));
}

/** The directories of `PATH`. */
export function searchPath(): string[] {
  return (process.env["PATH"] ?? "").split(":").filter((place) => place !== "");
}

/** A program's output; rejects with it when the program fails. */
export function run(program: string, args: readonly string[], options: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 300_000, ...options }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
    });
  });
}

/** The user a server runs as that refuses to run as root; nobody in particular if this process is not root's. */
export async function account(user: string): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([run("id", ["-u", user]), run("id", ["-g", user])]);
  return { uid: Number(uid), gid: Number(gid) };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

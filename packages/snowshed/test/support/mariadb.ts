import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerPrograms } from "./server-programs.ts";
import { account, findOrInstall, freePort, run, searchPath } from "./server-programs.ts";

export interface MariadbServer {
  readonly connection: { readonly host: string; readonly port: number; readonly user: string };
  /** As a machine does that loses its power: kill -9. Resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Starts it again, where it was. Resolves when it takes connections. */
  readonly start: () => Promise<void>;
  /** Stops it and removes its data. */
  readonly remove: () => Promise<void>;
}

/** One of them is in /usr/sbin, which is not on everybody's PATH: each is looked for by itself. */
function program(name: string): Promise<string> {
  const needed: ServerPrograms = {
    server: "MariaDB",
    names: [name],
    places: () => [...searchPath(), "/usr/sbin", "/usr/bin", "/usr/local/mysql/bin", "/opt/homebrew/opt/mariadb/bin"],
    // Not "mariadb-server", which also sets up a server of the machine. The client has what mariadb-install-db calls.
    packages: ["mariadb-server-core", "mariadb-client-core"],
  };
  return findOrInstall(needed).then((place) => join(place, name));
}

/** A MariaDB server of its own for the test, on a free port of this machine, with its data in a directory of its own. */
export async function startMariadb(maxConnections: number = 100): Promise<MariadbServer> {
  await program("my_print_defaults");
  const installDatabase = await program("mariadb-install-db");
  const daemon = await program("mariadbd");
  const owner = await account("nobody");
  const directory = mkdtempSync(join(tmpdir(), "snowshed-mariadb-"));
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
  const data = join(directory, "data");
  const as = { ...owner, cwd: directory };
  const port = await freePort();
  const connection = { host: "127.0.0.1", port, user: "root" };
  let server: ChildProcess | null = null;
  let gone: Promise<unknown> = Promise.resolve();

  const start = async (): Promise<void> => {
    // Whoever connects may do everything: it listens on the loopback only, and has nothing to tell.
    const args = ["--no-defaults", `--datadir=${data}`, `--port=${port}`, `--bind-address=${connection.host}`];
    args.push(`--socket=${join(directory, "socket")}`, `--pid-file=${join(directory, "pid")}`, "--skip-grant-tables");
    args.push("--skip-name-resolve", "--skip-log-bin", `--max-connections=${maxConnections}`);
    args.push("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=8M");
    const child = spawn(daemon, args, { ...as, stdio: ["ignore", "ignore", "pipe"] });
    server = child;
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said = `${said}${String(chunk)}`.slice(-4000);
    });
    let isGone = false;
    gone = new Promise<void>((resolve) => {
      child.on("close", () => {
        isGone = true;
        resolve();
      });
    });
    while (!isGone) {
      if (await greets(connection)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`MariaDB did not start:\n${said}`);
  };

  const kill = async (): Promise<void> => {
    const pid = server?.pid;
    server = null;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await gone;
  };

  const remove = async (): Promise<void> => {
    await kill().catch(() => {});
    rmSync(directory, { recursive: true, force: true });
  };

  try {
    await run(installDatabase, ["--no-defaults", `--datadir=${data}`, "--skip-test-db", "--skip-name-resolve"], as);
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return { connection, kill, start, remove };
}

/** Whether a server is there that begins to talk, and not of an error. */
function greets({ host, port }: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
    // After the four bytes of its header, the version of the protocol: 0xff stands for an error.
    socket.once("data", (packet) => end(packet.length > 4 && packet[4] !== 0xff));
  });
}

import type { ChildProcess } from "node:child_process";
import { execFile, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface PostgresServer {
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
  };
  /** As a machine does that loses its power: kill -9 of the server and all its children. Resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Starts it again, where it was. Resolves when it takes connections. */
  readonly start: () => Promise<void>;
  /** Stops it and removes its data. */
  readonly remove: () => Promise<void>;
}

/** Where the programs of PostgreSQL are on Debian and its kin, and elsewhere. */
function findBinaries(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
  const places = [
    ...versions.map((version) => join(root, version, "bin")),
    ...(process.env["PATH"] ?? "").split(":"),
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql/bin",
  ];
  return places.find((place) => existsSync(join(place, "initdb")) && existsSync(join(place, "postgres")));
}

async function binaries(): Promise<string> {
  const found = findBinaries();
  if (found !== undefined) return found;
  const isRoot = process.getuid?.() === 0;
  let said = "";
  if (isRoot && existsSync("/usr/bin/apt-get")) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const install = "apt-get install -y --no-install-recommends postgresql";
    said = await run("sh", ["-c", `${install} || (apt-get update && ${install})`], { env }).catch(String);
  }
  const installed = findBinaries();
  if (installed !== undefined) return installed;
  const tried = said === "" ? "" : `\n${said.slice(-2000)}`;
  throw new Error(
    `this test needs the programs of a PostgreSQL server (initdb, postgres): install the package "postgresql"${tried}`,
  );
}

/** A program's output; rejects with it when the program fails. */
function run(program: string, args: readonly string[], options: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 300_000, ...options }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
    });
  });
}

async function freePort(): Promise<number> {
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

/** The user PostgreSQL runs as: it refuses to run as root. */
async function account(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([run("id", ["-u", "postgres"]), run("id", ["-g", "postgres"])]);
  return { uid: Number(uid), gid: Number(gid) };
}

/** A PostgreSQL server of its own for the test, on a free port of this machine, with its data in a directory of its own. */
export async function startPostgres(maxConnections: number = 100): Promise<PostgresServer> {
  const place = await binaries();
  const owner = await account();
  const directory = mkdtempSync(join(tmpdir(), "snowshed-postgres-"));
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
  const data = join(directory, "data");
  const as = { ...owner, cwd: directory };
  const port = await freePort();
  const connection = { host: "127.0.0.1", port, user: "postgres", database: "postgres" };
  let server: ChildProcess | null = null;
  let gone: Promise<unknown> = Promise.resolve();

  const isReady = (): Promise<boolean> => {
    const args = ["-h", connection.host, "-p", String(port), "-U", "postgres", "-Atqc", "select 1", "postgres"];
    return run(join(place, "psql"), args, as).then(
      () => true,
      () => false,
    );
  };

  const start = async (): Promise<void> => {
    let said = "";
    // Until the children of one that was killed have gone, the next one refuses to start.
    for (let attempt = 0; attempt < 20; attempt++) {
      const args = ["-D", data, "-p", String(port), "-k", directory, "-h", connection.host];
      args.push("-F", "-c", `max_connections=${maxConnections}`, "-c", "restart_after_crash=off");
      const child = spawn(join(place, "postgres"), args, { ...as, stdio: ["ignore", "ignore", "pipe"] });
      server = child;
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
        if (await isReady()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`PostgreSQL did not start:\n${said}`);
  };

  const signal = async (name: "SIGKILL" | "SIGINT"): Promise<void> => {
    const pid = server?.pid;
    server = null;
    if (pid !== undefined) {
      const children = name === "SIGKILL" ? await run("pgrep", ["-P", String(pid)]).catch(() => "") : "";
      process.kill(pid, name);
      for (const child of children.split("\n").filter((line) => line !== "")) {
        try {
          process.kill(Number(child), name);
        } catch {
          // It has ended by itself: they do when their parent has gone.
        }
      }
    }
    await gone;
  };

  const remove = async (): Promise<void> => {
    await signal("SIGINT").catch(() => {});
    rmSync(directory, { recursive: true, force: true });
  };

  try {
    await run(join(place, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"], as);
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return { connection, kill: () => signal("SIGKILL"), start, remove };
}

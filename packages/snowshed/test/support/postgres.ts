import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerPrograms } from "./server-programs.ts";
import { account, findOrInstall, freePort, run, searchPath } from "./server-programs.ts";

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

const programs: ServerPrograms = {
  server: "PostgreSQL",
  names: ["initdb", "postgres", "psql"],
  places: () => {
    // Where they are on Debian and its kin, and elsewhere.
    const root = "/usr/lib/postgresql";
    const versions = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
    const ofDebian = versions.map((version) => join(root, version, "bin"));
    return [...ofDebian, ...searchPath(), "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql/bin"];
  },
  packages: ["postgresql"],
};

/** A PostgreSQL server of its own for the test, on a free port of this machine, with its data in a directory of its own. */
export async function startPostgres(maxConnections: number = 100): Promise<PostgresServer> {
  const place = await findOrInstall(programs);
  const owner = await account("postgres");
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

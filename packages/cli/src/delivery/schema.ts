import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { PostgresLike } from "snowshed/postgres";
import { deduplicationSchema, Outbox, outboxSchema, PostgresDeduplicationStore } from "snowshed/postgres";
import { exitCode } from "../exit-code.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { UsageError } from "../usage-error.ts";

export interface SchemaOptions {
  /** Make the tables there; without it their SQL is printed. */
  readonly url: string | undefined;
  readonly schema: string | undefined;
  readonly table: string | undefined;
  /** Default: both. */
  readonly only: "deduplication" | "outbox" | undefined;
}

/** What of the package `pg` is used. */
interface Pg {
  readonly Pool: new (options: object) => PostgresLike & {
    end(): Promise<void>;
    on(event: "error", listener: () => void): unknown;
  };
}

export async function runSchema({ url, schema, table, only }: SchemaOptions, io: Io, notes: Notes): Promise<number> {
  const names = { schema, table };
  let sql: string;
  try {
    const deduplication = only === "outbox" ? "" : deduplicationSchema(names);
    sql = [deduplication, only === "deduplication" ? "" : outboxSchema(names)].filter((text) => text !== "").join("\n");
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  if (url === undefined) {
    io.stdout.write(sql);
    return exitCode.ok;
  }
  const { Pool } = await projectsPg();
  const pool = new Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 10_000 });
  pool.on("error", () => {});
  try {
    if (only !== "outbox") await new PostgresDeduplicationStore(pool, "schema", names).createSchema();
    if (only !== "deduplication") await new Outbox(names).createSchema(pool);
    await notes.say("the tables are there");
    return exitCode.ok;
  } catch (error) {
    await notes.say((error as Error).message);
    return exitCode.failed;
  } finally {
    await pool.end();
  }
}

/** The library has no dependencies: whoever uses its tables has this package. */
async function projectsPg(): Promise<Pg> {
  try {
    const place = createRequire(path.join(process.cwd(), "package.json")).resolve("pg");
    const { default: pg } = (await import(pathToFileURL(place).href)) as { readonly default: Pg };
    return pg;
  } catch (error) {
    const message = "--apply needs the package pg in this folder: npm install pg, or pipe the SQL into psql";
    throw new UsageError(message, { cause: error });
  }
}

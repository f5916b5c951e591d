import { Pool } from "pg";
import type { PostgresDeduplicationOptions, PostgresTransaction } from "snowshed/postgres";
import { PostgresDeduplicationStore } from "snowshed/postgres";
import type { PostgresServer } from "../../support/postgres.ts";
import { startPostgres } from "../../support/postgres.ts";

/** A server, and the clients of a test. */
export class Database {
  readonly server: PostgresServer;
  readonly #pools: Pool[] = [];

  private constructor(server: PostgresServer) {
    this.server = server;
  }

  static async start(): Promise<Database> {
    const database = new Database(await startPostgres());
    await database.pool().query("create table effects (key text not null)");
    await database.store("set up").createSchema();
    return database;
  }

  pool(options: object = {}): Pool {
    const pool = new Pool({ ...this.server.connection, max: 10, ...options });
    // What it says of connections that are cut on purpose.
    pool.on("error", () => {});
    this.#pools.push(pool);
    return pool;
  }

  store(
    name: string,
    options: PostgresDeduplicationOptions = {},
    pool: Pool = this.pool(),
  ): PostgresDeduplicationStore {
    return new PostgresDeduplicationStore(pool, name, { maintainEvery: Number.POSITIVE_INFINITY, ...options });
  }

  async effects(): Promise<Map<string, number>> {
    const { rows } = await this.#pools[0]!.query<{ key: string; n: number }>(
      "select key, count(*)::int as n from effects group by key",
    );
    return new Map(rows.map(({ key, n }) => [key, n]));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#pools.splice(0).map((pool) => pool.end().catch(() => {})));
    await this.server.remove();
  }
}

export function write(transaction: PostgresTransaction, key: string): Promise<unknown> {
  return transaction.query("insert into effects (key) values ($1)", [key]);
}

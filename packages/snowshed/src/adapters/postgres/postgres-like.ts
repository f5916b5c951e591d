// What of `pg` this package needs, so that it does not depend on it.

/** What a query answers. */
export interface PostgresResult<Row = Record<string, unknown>> {
  readonly rows: Row[];
  readonly rowCount: number | null;
  /** `"INSERT"`, `"COMMIT"`, … */
  readonly command: string;
}

/** Whatever runs SQL: a client in the middle of a transaction, a pool, or the `transaction` of an effect. */
export interface PostgresQueryable {
  query(text: string, values?: unknown[]): Promise<PostgresResult>;
}

/** A client of a pool: one connection, until it is released. */
export interface PostgresClientLike extends PostgresQueryable {
  /** `true`: it broke, and must not be used again. */
  release(broken?: boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** A `Pool` of `pg`. It is used, and never ended. */
export interface PostgresLike extends PostgresQueryable {
  connect(): Promise<PostgresClientLike>;
}

/** A query with its options, as `pg` has them: `name` makes it a prepared statement. */
export interface PostgresQuery {
  readonly text: string;
  readonly values?: readonly unknown[] | undefined;
  readonly name?: string | undefined;
  readonly rowMode?: string | undefined;
}

/** What an effect writes with: all of it is applied together with the mark, or none of it. */
export interface PostgresTransaction {
  /**
   * As `query` of `pg`. It cannot begin, commit or roll back the transaction: `SNOWSHED_INVALID_ARGUMENT`. Savepoints are
   * free to use. After the effect has ended, or its signal aborted, it refuses.
   */
  query<Row = Record<string, unknown>>(
    query: string | PostgresQuery,
    values?: readonly unknown[],
  ): Promise<PostgresResult<Row>>;
}

export interface PostgresResult<Row = Record<string, unknown>> {
    readonly rows: Row[];
    readonly rowCount: number | null;
    readonly command: string;
}
export interface PostgresQueryable {
    query(text: string, values?: unknown[]): Promise<PostgresResult>;
}
export interface PostgresClientLike extends PostgresQueryable {
    release(broken?: boolean): void;
    on(event: "error", listener: (error: Error) => void): unknown;
    removeListener(event: "error", listener: (error: Error) => void): unknown;
}
export interface PostgresLike extends PostgresQueryable {
    connect(): Promise<PostgresClientLike>;
}
export interface PostgresQuery {
    readonly text: string;
    readonly values?: readonly unknown[] | undefined;
    readonly name?: string | undefined;
    readonly rowMode?: string | undefined;
}
export interface PostgresTransaction {
    query<Row = Record<string, unknown>>(query: string | PostgresQuery, values?: readonly unknown[]): Promise<PostgresResult<Row>>;
}

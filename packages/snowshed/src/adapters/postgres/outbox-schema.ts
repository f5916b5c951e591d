import { createHash } from "node:crypto";
import { checkName, quotedName, quotedText } from "./sql-names.ts";
import { indexMade, schemaMade } from "./sql-schema.ts";

export interface OutboxSchemaOptions {
  /** The schema of the database. Default: `"public"`. */
  readonly schema?: string | undefined;
  /** The table, at most 40 bytes. Default: `"snowshed_outbox"`. */
  readonly table?: string | undefined;
}

/** Events of one key are in one lane, and a lane is sent by one relay at a time. Fixed, since events lie in theirs. @internal */
export const laneCount = 16;

/** @internal */
export interface OutboxNames {
  readonly table: string;
  readonly lanes: string;
  readonly channel: string;
}

/** @internal */
export function outboxNames({ schema = "public", table = "snowshed_outbox" }: OutboxSchemaOptions): OutboxNames {
  checkName(schema, "schema");
  checkName(table, "table");
  const full = `${schema}.${table}`;
  const channel =
    full === "public.snowshed_outbox"
      ? "snowshed_outbox"
      : `snowshed_outbox_${createHash("sha256").update(full).digest("hex").slice(0, 16)}`;
  return {
    table: `${quotedName(schema)}.${quotedName(table)}`,
    lanes: `${quotedName(schema)}.${quotedName(`${table}_lanes`)}`,
    channel,
  };
}

/**
 * The SQL that makes the tables of an `Outbox`; it may be run again, by several at once. docs/outbox.md lists what a user who
 * does not own them must be granted.
 *
 * @example
 * ```ts
 * import { outboxSchema } from "snowshed/postgres";
 *
 * console.log(outboxSchema().includes('"public"."snowshed_outbox"')); // true
 * ```
 */
export function outboxSchema(options: OutboxSchemaOptions = {}): string {
  const { table, lanes } = outboxNames(options);
  const { schema = "public", table: name = "snowshed_outbox" } = options;
  return `-- Events that are written in the transaction they belong to, and sent after it.
BEGIN;
SELECT pg_advisory_xact_lock(hashtextextended(${quotedText(`${schema}.${name}`)}, 0));
${schemaMade(schema)}

CREATE TABLE IF NOT EXISTS ${table} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lane smallint NOT NULL,
  topic text NOT NULL,
  key bytea,
  value bytea,
  header_names text[] NOT NULL,
  header_values bytea[] NOT NULL,
  partition integer,
  enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  sent_at timestamptz,
  parked_at timestamptz, -- it cannot be sent, for the reason in failure; set it to NULL to have it tried again
  failure text
);
${indexMade(schema, `${name}_pending`, `${table} (lane, id) WHERE sent_at IS NULL AND parked_at IS NULL`)}
${indexMade(schema, `${name}_sent`, `${table} (sent_at) WHERE sent_at IS NOT NULL`)}

-- Who sends the events of a lane holds its row.
CREATE TABLE IF NOT EXISTS ${lanes} (lane smallint PRIMARY KEY);
INSERT INTO ${lanes} SELECT generate_series(0, ${laneCount - 1}) ON CONFLICT DO NOTHING;
COMMIT;
`;
}

import { checkName, quotedName, quotedText } from "./sql-names.ts";
import { indexMade, schemaMade } from "./sql-schema.ts";

export interface DeduplicationSchemaOptions {
  /** The schema of the database. Default: `"public"`. */
  readonly schema?: string | undefined;
  /** The table; the names of its partitions begin with it. At most 40 bytes. Default: `"snowshed_deduplication"`. */
  readonly table?: string | undefined;
}

/** Marks of events without a time. @internal */
export const noTime = "-9223372036854775808";
/** What one call of the maintenance deletes of them at most. @internal */
export const deletedAtOnce = 100_000;

/** The names that statements use, quoted. @internal */
export interface DeduplicationNames {
  readonly table: string;
  readonly rest: string;
  readonly horizon: string;
  readonly claim: string;
  readonly maintain: string;
}

/** @internal */
export function deduplicationNames({
  schema = "public",
  table = "snowshed_deduplication",
}: DeduplicationSchemaOptions): DeduplicationNames {
  checkName(schema, "schema");
  checkName(table, "table");
  const of = (name: string): string => `${quotedName(schema)}.${quotedName(name)}`;
  return {
    table: of(table),
    rest: of(`${table}_rest`),
    horizon: of(`${table}_horizon`),
    claim: of(`${table}_claim`),
    maintain: of(`${table}_maintain`),
  };
}

/**
 * The SQL that makes the tables of a `PostgresDeduplicationStore`; it may be run again, by several at once. Whoever
 * runs it owns them; docs/postgres-deduplication.md lists what another user must be granted.
 *
 * A unique index on a partitioned table must contain what it is partitioned by. So that is the event's own time, which all of
 * its deliveries share, and not the time it was first seen.
 *
 * @example
 * ```ts
 * import { deduplicationSchema } from "snowshed/postgres";
 *
 * console.log(deduplicationSchema({ schema: "billing" }).includes('"billing"."snowshed_deduplication"')); // true
 * ```
 */
export function deduplicationSchema(options: DeduplicationSchemaOptions = {}): string {
  const names = deduplicationNames(options);
  const { schema = "public", table = "snowshed_deduplication" } = options;
  return `-- Which events had their effect. One partition for each day of event time; what belongs to none of them is in _rest.
BEGIN;
-- Two at once would both find that a table is not there.
SELECT pg_advisory_xact_lock(hashtextextended(${quotedText(`${schema}.${table}`)}, 0));
${schemaMade(schema)}

CREATE TABLE IF NOT EXISTS ${names.table} (
  event_time bigint NOT NULL, -- Unix time in milliseconds; the smallest number for an event without a time
  consumer text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_time, consumer, key)
) PARTITION BY RANGE (event_time);
CREATE TABLE IF NOT EXISTS ${names.rest} PARTITION OF ${names.table} DEFAULT;
${indexMade(schema, `${table}_rest_seen`, `${names.rest} (first_seen)`)}

-- Partitions of days before this time have been dropped: whether an event of then had its effect is not known any more.
CREATE TABLE IF NOT EXISTS ${names.horizon} (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  dropped_before bigint NOT NULL
);
INSERT INTO ${names.horizon} (dropped_before) VALUES (${noTime}) ON CONFLICT DO NOTHING;

-- Marks those events, in the order in which they are given, that are not marked and not too old, once other transactions that are
-- about to have ended. fresh: the places of those, from 1, or NULL: all of them; horizon: from when on events are remembered.
-- A function, since its plans are kept with the connection. Duplicates are rare: without asking for each event whether it is
-- one, marks cost two thirds; where there is one, all are taken back and asked for.
CREATE OR REPLACE FUNCTION ${names.claim}(for_consumer text, times bigint[], keys text[], retention_ms bigint, expects_duplicates boolean,
  OUT fresh text, OUT horizon bigint) LANGUAGE plpgsql AS $claim$
DECLARE
  marked integer;
BEGIN
  -- Whoever drops a partition holds what this waits for: so the horizon is the one of then, and what is younger is all there
  -- until this transaction ends. One that sees only what was there when it began has waited before it began.
  LOCK TABLE ONLY ${names.table} IN ROW EXCLUSIVE MODE;
  SELECT greatest(dropped_before, (extract(epoch FROM now()) * 1000)::bigint - retention_ms) INTO STRICT horizon FROM ${names.horizon};
  IF NOT expects_duplicates THEN
    BEGIN
      INSERT INTO ${names.table} (consumer, event_time, key)
      SELECT for_consumer, e.at, e.key FROM unnest(times, keys) AS e (at, key)
      WHERE e.at >= horizon OR e.at = ${noTime};
      GET DIAGNOSTICS marked = ROW_COUNT;
      IF marked < cardinality(keys) THEN
        SELECT coalesce(string_agg(e.place::text, ','), '') INTO fresh
        FROM unnest(times) WITH ORDINALITY AS e (at, place) WHERE e.at >= horizon OR e.at = ${noTime};
      END IF;
      RETURN;
    EXCEPTION WHEN unique_violation THEN
      NULL;
    END;
  END IF;
  WITH marks AS (
    INSERT INTO ${names.table} (consumer, event_time, key)
    SELECT for_consumer, e.at, e.key FROM unnest(times, keys) AS e (at, key)
    WHERE e.at >= horizon OR e.at = ${noTime}
    ON CONFLICT DO NOTHING RETURNING event_time, key
  )
  SELECT coalesce(string_agg(e.place::text, ','), '') INTO fresh
  FROM unnest(times, keys) WITH ORDINALITY AS e (at, key, place) JOIN marks AS m ON m.event_time = e.at AND m.key = e.key;
END;
$claim$;

-- Makes the partitions of today and of days_ahead days, and those of days that have rows in _rest; drops those that ended a
-- day more than retention_ms ago, and deletes what is as old in _rest, at a call that has none to make. With NULL for
-- retention_ms nothing ends.
CREATE OR REPLACE FUNCTION ${names.maintain}(retention_ms bigint, days_ahead integer)
RETURNS TABLE (created integer, dropped integer, deleted bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $maintain$
DECLARE
  day CONSTANT bigint := 86400000;
  base CONSTANT text := ${quotedText(table)};
  space CONSTANT text := ${quotedText(schema)};
  today CONSTANT bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint / 86400000;
  first_kept CONSTANT bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint - retention_ms;
  wanted bigint;
  name text;
BEGIN
  created := 0; dropped := 0; deleted := 0;
  -- One at a time is enough.
  IF NOT pg_try_advisory_xact_lock(hashtextextended(space || '.' || base, 0)) THEN
    RETURN NEXT;
    RETURN;
  END IF;

  FOR wanted IN
    SELECT d FROM (
      SELECT generate_series(today - 1, today + days_ahead)
      UNION
      SELECT event_time / day FROM ${names.rest}
      WHERE event_time >= coalesce(first_kept, 0) AND event_time >= 0 AND event_time < (today + days_ahead + 1) * day
      GROUP BY 1
    ) AS days (d)
    WHERE to_regclass(format('%I.%I', space, base || to_char(to_timestamp(d * 86400.0) AT TIME ZONE 'UTC', '_YYYYMMDD'))) IS NULL
    ORDER BY d
  LOOP
    name := base || to_char(to_timestamp(wanted * 86400.0) AT TIME ZONE 'UTC', '_YYYYMMDD');
    -- From here on nobody puts a mark into _rest that belongs into the new partition; who was about to is refused by the
    -- constraint of _rest, and tries again.
    LOCK TABLE ${names.rest} IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I.%I (LIKE ${names.table.replaceAll("'", "''").replaceAll("%", "%%")} INCLUDING DEFAULTS INCLUDING INDEXES)', space, name);
    EXECUTE format('WITH moved AS (DELETE FROM ${names.rest.replaceAll("'", "''").replaceAll("%", "%%")} WHERE event_time >= $1 AND event_time < $2 RETURNING *) '
      'INSERT INTO %I.%I SELECT * FROM moved', space, name) USING wanted * day, (wanted + 1) * day;
    EXECUTE format('ALTER TABLE ${names.table.replaceAll("'", "''").replaceAll("%", "%%")} ATTACH PARTITION %I.%I FOR VALUES FROM (%s) TO (%s)',
      space, name, wanted * day, (wanted + 1) * day);
    created := created + 1;
  END LOOP;

  -- Who claims an event has the table before it comes to _rest. We have _rest now, and would wait for the table.
  IF retention_ms IS NOT NULL AND created = 0 THEN
    FOR name IN
      SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = ${quotedText(names.table)}::regclass AND c.relname ~ '_[0-9]{8}$'
        AND (extract(epoch FROM to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp) * 1000)::bigint + 2 * day <= first_kept
      ORDER BY c.relname
    LOOP
      UPDATE ${names.horizon} SET dropped_before = greatest(
        dropped_before, (extract(epoch FROM to_date(right(name, 8), 'YYYYMMDD')::timestamp) * 1000)::bigint + day);
      BEGIN
        EXECUTE format('DROP TABLE %I.%I', space, name);
        dropped := dropped + 1;
      EXCEPTION WHEN lock_not_available THEN
        EXIT; -- Somebody is at work on the table, for longer than others should wait. The next time, then.
      END;
    END LOOP;
    DELETE FROM ${names.rest} WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ${names.rest}
      WHERE first_seen < to_timestamp(first_kept / 1000.0) AND event_time < first_kept - day LIMIT ${deletedAtOnce}));
    GET DIAGNOSTICS deleted = ROW_COUNT;
  END IF;
  RETURN NEXT;
END;
$maintain$;
REVOKE ALL ON FUNCTION ${names.maintain}(bigint, integer) FROM PUBLIC;
COMMIT;
`;
}

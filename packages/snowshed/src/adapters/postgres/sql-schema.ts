import { quotedName, quotedText } from "./sql-names.ts";

/** SQL that makes a schema, where somebody else may be making it for something else. @internal */
export function schemaMade(schema: string): string {
  return `DO $schema$
BEGIN
  CREATE SCHEMA IF NOT EXISTS ${quotedName(schema)};
EXCEPTION WHEN unique_violation OR duplicate_schema THEN
  NULL; -- Somebody else made it at the same time, for something else.
END;
$schema$;`;
}

/** SQL that makes an index of a table in `schema` that others may be writing to. `on`: from the table's name on. @internal */
export function indexMade(schema: string, name: string, on: string): string {
  return `DO $index$
BEGIN
  -- IF NOT EXISTS would wait until nobody writes there, and keep others from it meanwhile.
  IF to_regclass(${quotedText(`${quotedName(schema)}.${quotedName(name)}`)}) IS NULL THEN
    CREATE INDEX ${quotedName(name)} ON ${on};
  END IF;
END;
$index$;`;
}

import type { EventIdentity } from "../../delivery/deduplication-store.ts";
import { checkIdentity, storedKey } from "../../delivery/stored-identity.ts";
import { invalidArgument } from "../../errors.ts";
import type { DeduplicationNames } from "./deduplication-schema.ts";
import { noTime } from "./deduplication-schema.ts";
import type { PostgresResult } from "./postgres-like.ts";

/** @internal */
export interface MarkStatements {
  readonly claim: string;
  readonly remove: string;
}

/**
 * `claim`: marks what is not marked and not too old, waits for other transactions that are about to, and answers from when on
 * events are remembered, and the new marks.
 *
 * @internal
 */
export function markStatements({ table, horizon }: DeduplicationNames): MarkStatements {
  return {
    claim: `WITH horizon AS MATERIALIZED (
  SELECT greatest(dropped_before, (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $4::bigint) AS at FROM ${horizon}
), fresh AS (
  INSERT INTO ${table} (consumer, event_time, key)
  SELECT $1, e.at, e.key FROM unnest($2::bigint[], $3::text[]) AS e (at, key)
  WHERE e.at >= (SELECT at FROM horizon) OR e.at = ${noTime}
  ON CONFLICT DO NOTHING RETURNING event_time, key
)
SELECT horizon.at AS horizon, fresh.event_time AS at, fresh.key FROM horizon LEFT JOIN fresh ON true`,
    remove: `DELETE FROM ${table} USING unnest($2::bigint[], $3::text[]) AS e (at, key)
WHERE consumer = $1 AND event_time = e.at AND ${table}.key = e.key`,
  };
}

interface Mark {
  readonly at: string;
  readonly key: string;
  /** In the batch; of a key that is there twice, the first. */
  readonly place: number;
}

/** `at`: null where there is no new mark. */
interface MarkRow {
  readonly at: string | null;
  readonly key: string;
}

/** What a claim said. @internal */
export interface Claimed {
  /** Places of the batch, ascending. */
  readonly fresh: readonly number[];
  /** Too old to know. */
  readonly expired: readonly number[];
}

/** The marks of a batch of events. @internal */
export class Marks {
  /** In one order for all processes: whoever waits for a mark holds none that comes after it. */
  readonly #sorted: readonly Mark[];
  readonly #byIdentity = new Map<string, Mark>();
  /** For each event of the batch, the place of the first one with the same identity. */
  readonly firsts: readonly number[];

  constructor(events: readonly EventIdentity[], isBatch: boolean) {
    if (!Array.isArray(events)) throw invalidArgument(TypeError, "events", "an array", events);
    const firsts: number[] = [];
    for (const [place, event] of (events as readonly EventIdentity[]).entries()) {
      checkIdentity(event, isBatch ? `events[${place}]` : "event");
      const at = event.at === undefined ? noTime : String(event.at);
      const key = storedKey(event.key);
      const identity = `${at} ${key}`;
      const known = this.#byIdentity.get(identity);
      firsts.push(known?.place ?? place);
      if (known === undefined) this.#byIdentity.set(identity, { at, key, place });
    }
    this.firsts = firsts;
    this.#sorted = [...this.#byIdentity.values()].toSorted(
      (a, b) => Number(a.at) - Number(b.at) || (a.key < b.key ? -1 : Number(a.key > b.key)),
    );
  }

  /** For `claim`. */
  values(consumer: string): unknown[] {
    return [consumer, this.#sorted.map(({ at }) => at), this.#sorted.map(({ key }) => key)];
  }

  /** For `remove`. */
  valuesOf(consumer: string, places: readonly number[]): unknown[] {
    const chosen = this.#sorted.filter(({ place }) => places.includes(place));
    return [consumer, chosen.map(({ at }) => at), chosen.map(({ key }) => key)];
  }

  /** What `claim` answered; `undefined` if the table has not been set up to its end. */
  read({ rows }: PostgresResult): Claimed | undefined {
    const horizon = rows[0]?.["horizon"];
    if (horizon === undefined || horizon === null) return undefined;
    const fresh: number[] = [];
    for (const { at, key } of rows as unknown as readonly MarkRow[]) {
      const mark = at === null ? undefined : this.#byIdentity.get(`${at} ${key}`);
      if (mark !== undefined) fresh.push(mark.place);
    }
    const expired = this.#sorted.filter(({ at }) => at !== noTime && Number(at) < Number(horizon));
    return {
      fresh: fresh.toSorted((a, b) => a - b),
      expired: expired.map(({ place }) => place).toSorted((a, b) => a - b),
    };
  }
}

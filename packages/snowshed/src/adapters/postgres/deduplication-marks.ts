import type { EventIdentity } from "../../delivery/deduplication-store.ts";
import { checkIdentity, storedKey } from "../../delivery/stored-identity.ts";
import { invalidArgument } from "../../errors.ts";
import type { DeduplicationNames } from "./deduplication-schema.ts";
import { noTime } from "./deduplication-schema.ts";

/** @internal */
export interface MarkStatements {
  /** Marks what is not marked and not too old, once other transactions that are about to have ended; answers how many. */
  readonly claim: string;
  /** Which of them. Asked, as the next one, only if not all were fresh: rows that come back cost more than what they say. */
  readonly own: string;
  /** From when on events are remembered. */
  readonly horizon: string;
  readonly remove: string;
}

/** @internal */
export function markStatements({ table, horizon }: DeduplicationNames): MarkStatements {
  // By the time of the transaction, the same in both: what one has passed over as too old, the other must call so.
  const remembered = (retention: string): string =>
    `SELECT greatest(dropped_before, (extract(epoch FROM now()) * 1000)::bigint - ${retention}::bigint) AS horizon FROM ${horizon}`;
  return {
    claim: `INSERT INTO ${table} (consumer, event_time, key)
SELECT $1, e.at, e.key FROM unnest($2::bigint[], $3::text[]) AS e (at, key)
WHERE e.at >= (${remembered("$4")}) OR e.at = ${noTime}
ON CONFLICT DO NOTHING`,
    own: `SELECT m.event_time AS at, m.key FROM unnest($2::bigint[], $3::text[]) AS e (at, key)
JOIN ${table} AS m ON m.event_time = e.at AND m.consumer = $1 AND m.key = e.key
WHERE m.xmin = pg_current_xact_id()::xid`,
    horizon: remembered("$1"),
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

interface MarkRow {
  readonly at: string | number | bigint;
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

  get size(): number {
    return this.#sorted.length;
  }

  /** All places, ascending; of those that are there twice, the first. */
  all(): readonly number[] {
    return placesOf(this.#sorted);
  }

  /** The places of what `own` answered, ascending. */
  fresh(rows: readonly unknown[]): readonly number[] {
    const marked = (rows as readonly MarkRow[]).map(({ at, key }) => this.#byIdentity.get(`${at} ${key}`)!);
    return placesOf(marked);
  }

  /** The places of those that are too old to know. */
  expired(horizon: number): readonly number[] {
    return placesOf(this.#sorted.filter(({ at }) => at !== noTime && Number(at) < horizon));
  }
}

function placesOf(marks: readonly Mark[]): readonly number[] {
  return marks.map(({ place }) => place).toSorted((a, b) => a - b);
}

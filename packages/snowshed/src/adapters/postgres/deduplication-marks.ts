import type { EventIdentity } from "../../delivery/deduplication-store.ts";
import { checkIdentity, storedKey } from "../../delivery/stored-identity.ts";
import { invalidArgument } from "../../errors.ts";
import type { DeduplicationNames } from "./deduplication-schema.ts";
import { noTime } from "./deduplication-schema.ts";

/** @internal */
export interface MarkStatements {
  /** First of all in a transaction that sees only what was there when it began. */
  readonly lock: string;
  readonly claim: string;
  readonly remove: string;
}

/** @internal */
export function markStatements({ table, claim }: DeduplicationNames): MarkStatements {
  return {
    lock: `LOCK TABLE ONLY ${table} IN ROW EXCLUSIVE MODE`,
    // As text: what clients make of eight bytes differs.
    claim: `SELECT fresh, horizon::text AS horizon FROM ${claim}($1, $2, $3, $4, $5)`,
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

/** What `claim` answers. @internal */
export interface ClaimRow {
  /** Places in what was given, from 1, with commas; null: all. */
  readonly fresh: string | null;
  /** Unix time in milliseconds. */
  readonly horizon: string;
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
  /** For each event of the batch, the place of the first one with the same identity. */
  readonly firsts: readonly number[];

  constructor(events: readonly EventIdentity[], isBatch: boolean) {
    if (!Array.isArray(events)) throw invalidArgument(TypeError, "events", "an array", events);
    const firsts: number[] = [];
    const marks: Mark[] = [];
    const places = new Map<string, number>();
    for (const [place, event] of (events as readonly EventIdentity[]).entries()) {
      checkIdentity(event, isBatch ? `events[${place}]` : "event");
      const at = event.at === undefined ? noTime : String(event.at);
      const key = storedKey(event.key);
      const identity = `${at} ${key}`;
      const known = places.get(identity);
      firsts.push(known ?? place);
      if (known !== undefined) continue;
      places.set(identity, place);
      marks.push({ at, key, place });
    }
    this.firsts = firsts;
    this.#sorted = marks.toSorted(
      (a, b) => Number(a.at) - Number(b.at) || (a.key < b.key ? -1 : Number(a.key > b.key)),
    );
  }

  get size(): number {
    return this.#sorted.length;
  }

  /** The consumer, the times and the keys, as statements take them. */
  values(consumer: string): unknown[] {
    return valuesOf(consumer, this.#sorted);
  }

  /** The same, of some places. */
  valuesAt(consumer: string, places: readonly number[]): unknown[] {
    const chosen = new Set(places);
    return valuesOf(
      consumer,
      this.#sorted.filter(({ place }) => chosen.has(place)),
    );
  }

  /** What the answer to `claim` means. */
  claimed({ fresh, horizon }: ClaimRow): Claimed {
    if (fresh === null) return { fresh: placesOf(this.#sorted), expired: [] };
    const marked = fresh.split(",").flatMap((number) => (number === "" ? [] : this.#sorted[Number(number) - 1]!));
    const isExpired = ({ at }: Mark): boolean => at !== noTime && Number(at) < Number(horizon);
    return { fresh: placesOf(marked), expired: placesOf(this.#sorted.filter(isExpired)) };
  }
}

function placesOf(marks: readonly Mark[]): readonly number[] {
  return marks.map(({ place }) => place).toSorted((a, b) => a - b);
}

/** Arrays as PostgreSQL writes them: the client would look at each character of each key. */
function valuesOf(consumer: string, marks: readonly Mark[]): unknown[] {
  const keys = marks.map(({ key }) => key);
  const isPlain = !/["\\]/.test(keys.join(""));
  const quoted = isPlain ? keys : keys.map((key) => key.replaceAll(/["\\]/g, "\\$&"));
  return [
    consumer,
    `{${marks.map(({ at }) => at).join(",")}}`,
    marks.length === 0 ? "{}" : `{"${quoted.join('","')}"}`,
  ];
}

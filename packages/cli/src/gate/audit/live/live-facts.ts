import type { Fact } from "../../facts.ts";
import type { StageNote } from "../../run.ts";
import { shownValue } from "../../mask.ts";
import { serverFact } from "../servers.ts";

/** What was asked of one server, and what of it could not be. */
export interface LiveReading {
  readonly facts: readonly Fact[];
  readonly notes: readonly StageNote[];
}

/** Facts of a running server. Those without a value are left out. */
export function liveFacts(
  subject: string,
  server: string,
  path: readonly (string | number)[],
  values: Readonly<Record<string, string | number | undefined>>,
): readonly Fact[] {
  const place = { file: null, line: null, column: null };
  const all: Record<string, string | number | undefined> = { [serverFact]: server, ...values };
  return Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [{ subject, name, value: shownValue(name, String(value)), server, path, ...place }],
  );
}

/** Asked for, and not answered: the report must not be read as an approval. */
export function notAsked(server: string, error: unknown): LiveReading {
  const text = error instanceof Error ? error.message : String(error);
  return { facts: [], notes: [{ kind: "failed", rule: null, message: `${server} could not be asked: ${text}` }] };
}

import process from "node:process";
import { publishWarning } from "./channels.ts";
import { plainText } from "./plain-text.ts";
import type { ResourceRecord, TaskRecord } from "./records.ts";
import type { WarningCode, WarningSnapshot } from "./snapshot-types.ts";

/** What a warning is about. Of those of one code, its site tells it from others; else the resource, else the task. */
export interface WarningSubject {
  readonly task?: TaskRecord | null | undefined;
  readonly resource?: ResourceRecord | undefined;
  /** Where in the program. Default: where the task was made, or the resource. */
  readonly site?: string | null | undefined;
  /** What tells it from others of its code, if not that. */
  readonly key?: string | undefined;
}

/** Of each code; more are dropped: what is found wrong must not fill the memory, and a flood of one must not hide another. */
const mostKept = 200;

/**
 * Gives each warning out once for what it is about, and counts how often it was found.
 *
 * @internal
 */
export class Warnings {
  readonly #silenced: ReadonlySet<WarningCode>;
  readonly #date: () => number;
  readonly #kept = new Map<string, WarningSnapshot & { count: number; last: string }>();
  readonly #counts = new Map<WarningCode, number>();
  readonly #listeners = new Set<(warning: WarningSnapshot) => void>();

  constructor(silenced: readonly WarningCode[], date: () => number) {
    this.#silenced = new Set(silenced);
    this.#date = date;
  }

  /** All that were given out, the oldest first. */
  get all(): WarningSnapshot[] {
    return structuredClone([...this.#kept.values()]);
  }

  listen(listener: (warning: WarningSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  warn(code: WarningCode, message: string, about: WarningSubject = {}): void {
    if (this.#silenced.has(code)) return;
    const { task, resource } = about;
    const site = about.site === undefined ? (task?.site() ?? resource?.madeAt?.text ?? null) : about.site;
    const now = new Date(this.#date()).toISOString();
    const key = `${code} ${about.key ?? site ?? (resource === undefined ? (task?.name ?? "") : resource.label)}`;
    const known = this.#kept.get(key);
    if (known !== undefined) {
      known.count++;
      known.last = now;
      return;
    }
    const ofCode = this.#counts.get(code) ?? 0;
    if (ofCode >= mostKept) return;
    this.#counts.set(code, ofCode + 1);
    const warning = {
      code,
      message: plainText(message),
      site,
      task: task?.id ?? null,
      resource: resource?.id ?? null,
      count: 1,
      first: now,
      last: now,
    };
    this.#kept.set(key, warning);
    const place = site === null ? "" : ` (${plainText(site)})`;
    say(`${warning.message}${place}`, code, pageOf(code));
    publishWarning(warning);
    for (const listener of this.#listeners) {
      try {
        listener({ ...warning });
      } catch (error) {
        reportFailure("a listener to warnings", error);
        this.#listeners.delete(listener);
      }
    }
  }
}

function pageOf(code: WarningCode): string {
  return `See https://github.com/snowshed/snowshed/blob/main/docs/warnings/${code}.md`;
}

/** Of diagnostics itself: said on stderr, once for each that fails, and never thrown. @internal */
export function reportFailure(what: string, error: unknown): void {
  let detail = "";
  try {
    detail = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  } catch {
    // Anything can be thrown, also what has no text.
  }
  const message = `${what} failed and was removed; the program goes on without it`;
  say(message, "SNOWSHED_DIAGNOSTICS", detail);
}

function say(message: string, code: string, detail: string): void {
  try {
    process.emitWarning(message, { type: "SnowshedWarning", code, detail });
  } catch {
    // A program may have put its own in the place of that function; what fails there must not come out of a hook.
  }
}

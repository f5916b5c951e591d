import { header } from "../overload/headers.ts";

/** What a service says of its own quota. */
export interface RateLimitFields {
  /** Units of a whole window, if it says so. */
  readonly limit: number | undefined;
  /** Units left in this one. */
  readonly remaining: number;
  /** Milliseconds until the next one begins, if it says so. */
  readonly reset: number | undefined;
  /** Whether it said so by a date: one that does not depend on how long the answer took. */
  readonly isDate: boolean;
}

/** No window is longer; what says so is a clock that is wrong. Milliseconds. @internal */
export const longestWindow: number = 24 * 60 * 60 * 1000;

/** In the order in which they are believed. A name ends in `limit`, `remaining` or `reset`, and what follows here. */
const families: readonly (readonly [prefix: string, suffix: string])[] = [
  ["ratelimit-", ""],
  ["x-ratelimit-", ""],
  ["x-ratelimit-", "-requests"],
  ["x-ratelimit-requests-", ""],
  ["x-rate-limit-", ""],
  ["anthropic-ratelimit-requests-", ""],
];

/**
 * The fields of the strictest quota that `headers` speak of: the IETF drafts' `RateLimit` and `RateLimit-Policy` in both
 * of their forms, `RateLimit-*`, and the `X-RateLimit-*` that most services have. `undefined` if there are none. A reset
 * may be seconds from now, a Unix time in seconds or milliseconds, an RFC 3339 or HTTP date, or of the form `6m0s`; dates
 * are measured from `date`.
 *
 * @internal
 */
export function rateLimitFields(headers: object, date: number): RateLimitFields | undefined {
  let strictest: RateLimitFields | undefined;
  for (const each of [...structured(headers), ...separate(headers, date)]) {
    if (strictest === undefined || isStricter(each, strictest)) strictest = each;
  }
  return strictest;
}

/** By the time for each unit that is left; with none left, by the time. */
function isStricter(a: RateLimitFields, b: RateLimitFields): boolean {
  const [resetA, resetB] = [a.reset ?? 0, b.reset ?? 0];
  if (a.remaining === 0 || b.remaining === 0) {
    return a.remaining === 0 && (b.remaining > 0 || resetA > resetB);
  }
  return resetA / a.remaining > resetB / b.remaining;
}

/** More than this between two clocks is neither the way nor that a `Date` has whole seconds. Milliseconds. */
const skew = 10_000;

/**
 * What the dates of an answer are measured from: `own`, the time of this machine; but the `Date` of the answer if they
 * are far apart, since it is that clock which wrote the others. Not of an answer out of a cache, which has an `Age`.
 *
 * @internal
 */
export function dateOf(headers: object, own: number): number {
  const text = header(headers, "date");
  if (text === undefined || text.length > 40 || header(headers, "age") !== undefined) return own;
  const date = Date.parse(text);
  return Math.abs(date - own) > skew ? date : own;
}

/** The members of a list; a comma in quotes parts none. */
function membersOf(list: string): readonly string[] {
  return list.length > 1000 ? [] : (list.match(/(?:[^",]|"[^"]*")+/g) ?? []);
}

function nameOf(member: string): string {
  return /^\s*("[^"]*"|[^;\s]*)/.exec(member)?.[1] ?? "";
}

/** `RateLimit: "default";r=50;t=30`, one or several, or `limit=100, remaining=50, reset=30`. */
function* structured(headers: object): Generator<RateLimitFields> {
  const text = header(headers, "ratelimit");
  if (text === undefined || text.length > 1000) return;
  const remaining = parameter(text, "remaining");
  if (remaining !== undefined) {
    const reset = seconds(parameter(text, "reset"));
    yield { limit: parameter(text, "limit"), remaining, reset, isDate: false };
    return;
  }
  const policies = membersOf(header(headers, "ratelimit-policy") ?? "");
  for (const member of membersOf(text)) {
    const left = parameter(member, "r");
    if (left === undefined) continue;
    const name = nameOf(member);
    const policy = policies.find((each) => nameOf(each) === name) ?? "";
    // Of another unit: bytes, or requests at the same time.
    if (/;\s*qu=(?!"requests")/.test(policy)) continue;
    yield { limit: parameter(policy, "q"), remaining: left, reset: seconds(parameter(member, "t")), isDate: false };
  }
}

function* separate(headers: object, date: number): Generator<RateLimitFields> {
  for (const [prefix, suffix] of families) {
    const remaining = wholeNumber(header(headers, `${prefix}remaining${suffix}`));
    if (remaining === undefined) continue;
    const limit = wholeNumber(header(headers, `${prefix}limit${suffix}`));
    yield { limit, remaining, ...resetOf(header(headers, `${prefix}reset${suffix}`), date) };
  }
}

/** Of a member of a structured field. */
function parameter(text: string, name: string): number | undefined {
  const match = new RegExp(`(?:^|[;,\\s])${name}=(\\d{1,15})(?![\\d.])`).exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** Also of a list, such as `100, 100;w=60`: the first. And of `598.0`: what is not whole is no unit. */
function wholeNumber(text: string | undefined): number | undefined {
  const match = text === undefined ? null : /^(\d{1,15})(?:\.\d{1,15})?(?:[,;\s]|$)/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

function seconds(count: number | undefined): number | undefined {
  return count === undefined ? undefined : Math.min(count * 1000, longestWindow);
}

function resetOf(text: string | undefined, date: number): { reset: number | undefined; isDate: boolean } {
  const fromNow = text === undefined || text.length > 40 ? undefined : duration(text);
  if (fromNow !== undefined) return { reset: bounded(fromNow), isDate: false };
  const at = text === undefined || text.length > 40 ? Number.NaN : timeOfDay(text);
  return Number.isNaN(at) ? { reset: undefined, isDate: false } : { reset: bounded(at - date), isDate: true };
}

function bounded(ms: number): number {
  return Math.min(Math.max(ms, 0), longestWindow);
}

/** No window is 30 years long: a number of seconds that large is a date. */
const firstDate = 1e9;

/** Milliseconds of `30`, `1.5`, `6m0s`, `120ms`. */
function duration(text: string): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) > firstDate ? undefined : Number(text) * 1000;
  const parts = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(text);
  if (parts === null) return undefined;
  const [, days = 0, hours = 0, minutes = 0, whole = 0, thousandths = 0] = parts;
  const wholeHours = Number(days) * 24 + Number(hours);
  return wholeHours * 3_600_000 + Number(minutes) * 60_000 + Number(whole) * 1000 + Number(thousandths);
}

/** Milliseconds since the epoch. */
function timeOfDay(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) > 1e12 ? Number(text) : Number(text) * 1000;
  // What has no zone would be taken for this machine's.
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  return /^[A-Z][a-z]{2}.*GMT$/.test(text) ? Date.parse(text) : Number.NaN;
}

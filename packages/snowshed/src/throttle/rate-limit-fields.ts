import { header } from "../overload/headers.ts";

/** What a service says of its own quota. */
export interface RateLimitFields {
  /** Units of a whole window, if it says so. */
  readonly limit: number | undefined;
  /** Units left in this one. */
  readonly remaining: number;
  /** Milliseconds until the next one begins, if it says so. */
  readonly reset: number | undefined;
}

/** No window is longer; what says so is a clock that is wrong. */
const longestWindow = 24 * 60 * 60 * 1000;

/** In the order in which they are believed. A name ends in `limit`, `remaining` or `reset`, and what follows here. */
const families: readonly (readonly [prefix: string, suffix: string])[] = [
  ["ratelimit-", ""],
  ["x-ratelimit-", ""],
  ["x-ratelimit-", "-requests"],
  ["x-rate-limit-", ""],
  ["anthropic-ratelimit-requests-", ""],
];

/**
 * The fields of the strictest quota that `headers` speak of: the IETF drafts' `RateLimit` and `RateLimit-Policy` in both
 * of their forms, `RateLimit-*`, and the `X-RateLimit-*` that most services have. `undefined` if there are none. A reset
 * may be seconds from now, a Unix time in seconds or milliseconds, an RFC 3339 date, or of the form `6m0s`.
 *
 * @internal
 */
export function rateLimitFields(headers: object, date: number): RateLimitFields | undefined {
  let strictest: RateLimitFields | undefined;
  for (const each of [...structured(headers), ...separate(headers, date)]) {
    if (strictest === undefined || pace(each) > pace(strictest)) strictest = each;
  }
  return strictest;
}

/** Milliseconds for each unit that is left. */
function pace({ remaining, reset = 0 }: RateLimitFields): number {
  return remaining === 0 ? Number.POSITIVE_INFINITY : reset / remaining;
}

/** `RateLimit: "default";r=50;t=30`, one or several, or `limit=100, remaining=50, reset=30`. */
function* structured(headers: object): Generator<RateLimitFields> {
  const text = header(headers, "ratelimit");
  if (text === undefined || text.length > 1000) return;
  const policies = header(headers, "ratelimit-policy") ?? "";
  const remaining = parameter(text, "remaining");
  if (remaining !== undefined) {
    yield { limit: parameter(text, "limit"), remaining, reset: seconds(parameter(text, "reset")) };
    return;
  }
  for (const item of text.split(",")) {
    const left = parameter(item, "r");
    if (left === undefined) continue;
    const [name] = item.split(";");
    const policy = policies.split(",").find((each) => each.split(";")[0]?.trim() === name?.trim()) ?? "";
    yield { limit: parameter(policy, "q"), remaining: left, reset: seconds(parameter(item, "t")) };
  }
}

function* separate(headers: object, date: number): Generator<RateLimitFields> {
  for (const [prefix, suffix] of families) {
    const remaining = wholeNumber(header(headers, `${prefix}remaining${suffix}`));
    if (remaining === undefined) continue;
    const limit = wholeNumber(header(headers, `${prefix}limit${suffix}`));
    yield { limit, remaining, reset: resetOf(header(headers, `${prefix}reset${suffix}`), date) };
  }
}

/** Of an item of a structured field. */
function parameter(text: string, name: string): number | undefined {
  const match = new RegExp(`(?:^|[;,\\s])${name}=(\\d{1,15})(?![\\d.])`).exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** Also of a list, such as `100, 100;w=60`: the first. */
function wholeNumber(text: string | undefined): number | undefined {
  const match = text === undefined ? null : /^(\d{1,15})(?:[,;\s]|$)/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

function seconds(count: number | undefined): number | undefined {
  return count === undefined ? undefined : Math.min(count * 1000, longestWindow);
}

function resetOf(text: string | undefined, date: number): number | undefined {
  if (text === undefined || text.length > 40) return undefined;
  const ms = resetMilliseconds(text, date);
  return ms === undefined || Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), longestWindow);
}

function resetMilliseconds(text: string, date: number): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) {
    const value = Number(text);
    // No window is 30 years long: those are dates.
    if (value > 1e12) return value - date;
    return value > 1e9 ? value * 1000 - date : value * 1000;
  }
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(text);
  if (parts !== null) {
    const [, hours = 0, minutes = 0, whole = 0, thousandths = 0] = parts;
    return Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(whole) * 1000 + Number(thousandths);
  }
  return /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) - date : undefined;
}

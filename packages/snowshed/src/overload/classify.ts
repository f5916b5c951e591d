import { checkFunction, SnowshedError } from "../errors.ts";
import type { Rank } from "./classification-table.ts";
import {
  codes,
  fetchFailures,
  grpcCodes,
  messages,
  names,
  ranks,
  redisReplies,
  sqlStates,
  statuses,
} from "./classification-table.ts";
import { isError, isObject, maxDepth, read } from "./inspection.ts";
import type { LimitOutcome } from "./limit-permit.ts";

/**
 * What an outcome means for whoever guards a call.
 *
 * - `"ok"`: it worked.
 * - `"ignore"`: it says nothing: the caller went away.
 * - `"transient"`: another attempt may work; what was called may be in trouble.
 * - `"overload"`: there was no room. Another attempt may work later; load must go down; nothing is broken.
 * - `"fatal"`: no other attempt can work; the request or the program is wrong, what was called is not.
 */
export type Classification = "ok" | "ignore" | "transient" | "overload" | "fatal";
export type Classify = (outcome: unknown) => Classification;

const classifications = ["ok", "ignore", "transient", "transient", "overload", "fatal"] as const;

/** Members of AggregateErrors that are looked at, in all: an error must not cost a second of classifying. */
const maxErrors = 10_000;

/**
 * The one table behind retries, circuit breakers, limiters and groups: what an error, or a response that was returned,
 * means. It knows HTTP statuses, the errors of Node.js, undici and `fetch`, PostgreSQL, MySQL, Redis, gRPC and common
 * connection pools; `docs/classify.md` has all of it. An error that it does not know is `"transient"`: it may be
 * passing. A value that is neither an error nor a response with a status of at least 400 is `"ok"`.
 *
 * Causes are followed where an error says nothing itself, and of the errors in an AggregateError the worst counts. Never
 * throws, whatever it is given.
 *
 * @example
 * ```ts
 * import { classify } from "snowshed";
 *
 * const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
 * console.log(classify(refused), classify(new TypeError("fetch failed", { cause: refused }))); // transient transient
 * console.log(classify(new Response(null, { status: 429 })), classify({ status: 500 })); // overload ok
 * ```
 */
export function classify(outcome: unknown): Classification {
  return isObject(outcome) ? classifications[rankOf(outcome)] : "ok";
}

/**
 * A classifier that asks `rule` first, and `otherwise` (default: {@link classify}) about what `rule` leaves open by
 * returning `undefined`.
 *
 * Whoever uses it rejects with `SNOWSHED_CLASSIFIER_FAILED` if `rule` throws or returns anything else.
 *
 * @example
 * ```ts
 * import { classifier } from "snowshed";
 *
 * const classify = classifier((outcome) => {
 *   if (outcome instanceof Response && outcome.status === 404) return "ok"; // Not there is an answer, too.
 * });
 * console.log(classify(new Response(null, { status: 404 })), classify(new RangeError("-1"))); // ok fatal
 * ```
 */
export function classifier(
  rule: (outcome: unknown) => Classification | undefined,
  otherwise: Classify = classify,
): Classify {
  checkFunction(rule, "rule");
  checkFunction(otherwise, "otherwise");
  return (outcome) => rule(outcome) ?? otherwise(outcome);
}

/**
 * Whether something that was thrown is fatal by the table of {@link classify}: made for `new Group({ failFast: isFatal })`.
 *
 * @example
 * ```ts
 * import { FatalError, isFatal } from "snowshed";
 *
 * console.log(isFatal(new FatalError("credentials refused")), isFatal(new Error("no answer"))); // true false
 * ```
 */
export function isFatal(error: unknown): boolean {
  return classifyError(classify, error) === "fatal";
}

/**
 * Whether another attempt makes sense after something was thrown: `"transient"` or `"overload"` by the table of
 * {@link classify}, apart from the rejections of an open circuit breaker. Made for the `retryable` of `batch()`.
 *
 * @example
 * ```ts
 * import { batch, FatalError, isRetryable, retryAfter } from "snowshed";
 *
 * const call = (id: number): void => {
 *   throw id === 1 ? new FatalError("no such id") : new Error("no answer");
 * };
 * const retry = { attempts: 2, retryable: isRetryable, retryAfter: (error: unknown) => retryAfter(error) };
 * const { outcomes } = await batch([1, 2], call, { retry });
 * console.log(outcomes.map(({ attempts }) => attempts)); // [ 1, 2 ]
 * ```
 */
export function isRetryable(error: unknown): boolean {
  const classification = classifyError(classify, error);
  if (classification === "overload") return read(error as object, "code") !== "SNOWSHED_CIRCUIT_OPEN";
  return classification === "transient";
}

/**
 * Of something that was thrown: what is no error is `"transient"` where `rule` calls it `"ok"`. Throws
 * `SNOWSHED_CLASSIFIER_FAILED` when `rule` does not decide.
 *
 * @internal
 */
export function classifyError(rule: Classify, error: unknown): Classification {
  const classification = decided(rule, error);
  return classification === "ok" && !(isObject(error) && isError(error)) ? "transient" : classification;
}

/** Of something that was returned; fails as {@link classifyError} does. @internal */
export function classifyValue(rule: Classify, value: unknown): Classification {
  return decided(rule, value);
}

/**
 * Whether a limiter is to make room: on overload, and on timeouts and broken connections. Not on other failures, which a
 * single bad caller can produce at will, and not on rejections that were made in this process.
 *
 * @internal
 */
export function isCongestion(classification: Classification, outcome: unknown): boolean {
  if (classification === "overload") {
    const code = isObject(outcome) ? read(outcome, "code") : undefined;
    return code !== "SNOWSHED_CIRCUIT_OPEN" && code !== "SNOWSHED_LIMIT_EXCEEDED";
  }
  return classification === "transient" && isObject(outcome) && rankOf(outcome) === ranks.congested;
}

/** How work that ended like this is given back to its limiter. @internal */
export function limitOutcomeOf(classification: Classification, outcome: unknown): LimitOutcome {
  if (classification === "ok") return "success";
  return isCongestion(classification, outcome) ? "dropped" : "ignore";
}

function decided(rule: Classify, outcome: unknown): Classification {
  if (rule === classify) return classify(outcome);
  let given: unknown;
  try {
    given = rule(outcome);
  } catch (thrown) {
    throw undecided("threw", thrown, outcome);
  }
  if ((classifications as readonly unknown[]).includes(given)) return given as Classification;
  const expected = `expected one of ${[...new Set(classifications)].join(", ")}`;
  throw undecided("returned no classification", new TypeError(expected), outcome);
}

function undecided(what: string, thrown: unknown, outcome: unknown): SnowshedError {
  const cause = new AggregateError([thrown, outcome], "what the classifier did, and what it was asked about");
  return new SnowshedError("SNOWSHED_CLASSIFIER_FAILED", `the classifier ${what}`, { cause });
}

/** 0 is a value. */
function rankOf(outcome: object): Rank {
  return isError(outcome) ? rankOfError(outcome, { left: maxErrors }, 0) : rankOfValue(outcome);
}

/** A response, by its status; an object that only has a field of that name is a value. */
function rankOfValue(value: object): Rank {
  try {
    const response = value as { readonly status?: unknown; readonly statusCode?: unknown; readonly headers?: unknown };
    // Asked for first because most values have none.
    if (!isObject(response.headers)) return 0;
    return rankOfStatus(response.status) || rankOfStatus(response.statusCode);
  } catch {
    return 0;
  }
}

function rankOfStatus(status: unknown): Rank {
  if (typeof status !== "number" || !Number.isInteger(status) || status < 400 || status > 599) return 0;
  return statuses.find(String(status));
}

/** What an error, or the first of its causes that tells anything, is. */
function rankOfError(error: object, budget: { left: number }, depth: number): Rank {
  for (let current = error; depth < maxDepth; depth++) {
    if (budget.left-- <= 0) break;
    if (!isError(current)) return rankOfValue(current) || ranks.transient;
    const rank = namedRank(current, budget, depth);
    if (rank !== 0) return rank;
    const cause = read(current, "cause");
    if (!isObject(cause)) break;
    current = cause;
  }
  return ranks.transient;
}

/** By what the error itself carries; 0 when it carries nothing that is known. */
function namedRank(error: object, budget: { left: number }, depth: number): Rank {
  const name = text(error, "name");
  const message = text(error, "message");
  if (name === "AggregateError") {
    const worst = worstOf(read(error, "errors"), budget, depth + 1);
    if (worst !== 0) return worst;
  }
  const code = text(error, "code");
  const rank = rankOfCode(error, code) || messages.find(message) || rankOfName(error, name, message);
  if (rank === ranks.ignore && code !== "SNOWSHED_CANCELED") return rankOfAbort(error);
  return rank || rankOfHttpError(error) || rankOfGrpc(error) || rankOfDatabase(error, code, name, message);
}

function rankOfCode(error: object, code: string): Rank {
  if (code === "") return 0;
  // A file that is not there is fatal; a socket file that is not there is a server that is not up.
  return (text(error, "syscall") === "connect" ? codes.find(`connect:${code}`) : 0) || codes.find(code);
}

function text(error: object, key: string): string {
  const value = read(error, key);
  return typeof value === "string" ? value : "";
}

function worstOf(errors: unknown, budget: { left: number }, depth: number): Rank {
  let worst: Rank = 0;
  try {
    if (!Array.isArray(errors)) return 0;
    for (let index = 0; index < errors.length && budget.left > 0 && worst < ranks.fatal; index++) {
      const member: unknown = errors[index];
      const rank = isObject(member) ? rankOfError(member, budget, depth) : ranks.transient;
      if (!isObject(member)) budget.left--;
      if (rank > worst) worst = rank;
    }
  } catch {
    // An array that cannot be read to its end: what was read counts.
  }
  return worst;
}

function rankOfName(error: object, name: string, message: string): Rank {
  const rank = names.find(name);
  const isProgramError = rank === 0 ? isNativeProgramError(error) : rank === ranks.fatal;
  // fetch() has no other class for a failure of the network. Node's cause says which; a browser says nothing more.
  if (isProgramError) return name === "TypeError" && fetchFailures.find(message) !== 0 ? 0 : ranks.fatal;
  return rank;
}

/** Also subclasses with a name of their own. */
function isNativeProgramError(error: object): boolean {
  try {
    return (
      error instanceof TypeError ||
      error instanceof RangeError ||
      error instanceof SyntaxError ||
      error instanceof ReferenceError
    );
  } catch {
    return false;
  }
}

/** Functions of the platform wrap the reason of their signal: where that is a timeout, nobody went away. */
function rankOfAbort(error: object): Rank {
  const cause = read(error, "cause");
  return isObject(cause) && read(cause, "name") === "TimeoutError" ? ranks.congested : ranks.ignore;
}

/** Clients put the status on the error (undici, Octokit, http-errors), its response (axios, got, ky), or $metadata (AWS). */
function rankOfHttpError(error: object): Rank {
  const own = rankOfStatus(read(error, "status")) || rankOfStatus(read(error, "statusCode"));
  if (own !== 0) return own;
  const response = read(error, "response");
  if (isObject(response)) {
    const rank = rankOfStatus(read(response, "status")) || rankOfStatus(read(response, "statusCode"));
    if (rank !== 0) return rank;
  }
  const metadata = read(error, "$metadata");
  return isObject(metadata) ? rankOfStatus(read(metadata, "httpStatusCode")) : 0;
}

function rankOfGrpc(error: object): Rank {
  const code = read(error, "code");
  if (typeof code !== "number") return 0;
  const isStatus = isObject(read(error, "metadata")) || read(error, "details") !== undefined;
  return isStatus ? grpcCodes.find(String(code)) : 0;
}

function rankOfDatabase(error: object, code: string, name: string, message: string): Rank {
  const state = code.length === 5 ? sqlStates.find(code) : 0;
  if (state !== 0) return state;
  const sqlState = text(error, "sqlState");
  if (sqlState.length === 5) return sqlStates.find(sqlState);
  // node-redis leaves the name at "Error".
  const maker = read(error, "constructor");
  const kind = name === "Error" && typeof maker === "function" ? maker.name : name;
  const isReply = kind === "ReplyError" || kind === "ErrorReply" || kind === "SimpleError" || kind === "BlobError";
  return isReply ? redisReplies.find(message) : 0;
}

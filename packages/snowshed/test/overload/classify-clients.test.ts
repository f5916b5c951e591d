// Errors as the clients of databases, caches and services make them, in the shape they give them.
import type { Classification } from "snowshed";
import { classify, retryAfter } from "snowshed";
import { describe, expect, test } from "vitest";
import { isCongestion } from "../../src/overload/classify.ts";

/** pg: every error of the server. `name` is "error", and the fields of the protocol are on it. */
class DatabaseError extends Error {
  readonly length = 100;
  readonly severity = "ERROR";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
    this.name = "error";
  }
}

/** redis-errors (ioredis): names are getters. */
class RedisError extends Error {
  readonly command = { name: "get", args: ["key"] };
  // oxlint-disable-next-line typescript/class-literal-property-style
  override get name(): string {
    return this.constructor.name;
  }
}
class ReplyError extends RedisError {}
class AbortError extends RedisError {}

/** @redis/client: nothing but the class tells. */
class ErrorReply extends Error {}
class SimpleError extends ErrorReply {}

/** @grpc/grpc-js: `callErrorFromStatus`. */
const serviceError = (code: number, name: string, details: string): Error =>
  Object.assign(new Error(`${code} ${name}: ${details}`), { code, details, metadata: { get: () => [] } });
const named = (name: string, message: string, others: object = {}): Error =>
  Object.assign(new Error(message), { name, ...others });

describe("clients", () => {
  test.each<[client: string, Error, Classification, congested: boolean]>([
    ["pg: too many connections", new DatabaseError("53300", "sorry, too many clients already"), "overload", true],
    ["pg: starting up", new DatabaseError("57P03", "the database system is starting up"), "overload", true],
    [
      "pg: shut down",
      new DatabaseError("57P01", "terminating connection due to administrator command"),
      "transient",
      false,
    ],
    ["pg: deadlock", new DatabaseError("40P01", "deadlock detected"), "transient", false],
    [
      "pg: statement timeout",
      new DatabaseError("57014", "canceling statement due to statement timeout"),
      "transient",
      true,
    ],
    ["pg: canceled", new DatabaseError("57014", "canceling statement due to user request"), "ignore", false],
    ["pg: duplicate key", new DatabaseError("23505", "duplicate key value violates unique constraint"), "fatal", false],
    ["pg: password", new DatabaseError("28P01", 'password authentication failed for user "app"'), "fatal", false],
    ["pg: syntax", new DatabaseError("42601", 'syntax error at or near "SELEC"'), "fatal", false],
    ["pg: connection lost", new Error("Connection terminated unexpectedly"), "transient", false],
    ["pg-pool: acquire timeout", new Error("timeout exceeded when trying to connect"), "overload", true],
    [
      "pg-pool: connect timeout",
      new Error("Connection terminated due to connection timeout", {
        cause: new Error("Connection terminated unexpectedly"),
      }),
      "transient",
      true,
    ],
    ["pg-pool: ended", new Error("Cannot use a pool after calling end on the pool"), "fatal", false],
    ["postgres.js: too many", named("PostgresError", "sorry", { code: "53300", severity: "FATAL" }), "overload", true],
    [
      "postgres.js: closed",
      Object.assign(new Error("write CONNECTION_CLOSED"), { code: "CONNECTION_CLOSED" }),
      "transient",
      false,
    ],
    ["knex: acquire timeout", named("KnexTimeoutError", "Knex: Timeout acquiring a connection."), "overload", true],
    [
      "tarn: acquire timeout",
      new (class TimeoutError extends Error {})("operation timed out for an unknown reason"),
      "overload",
      true,
    ],
    ["generic-pool: acquire timeout", named("TimeoutError", "ResourceRequest timed out"), "overload", true],
    ["generic-pool: too many wait", new Error("max waitingClients count exceeded"), "overload", true],
    ["mysql2: queue full", new Error("Queue limit reached."), "overload", true],
    ["mysql2: pool empty", new Error("No connections available."), "overload", true],
    [
      "mysql2: too many",
      Object.assign(new Error("Too many connections"), { code: "ER_CON_COUNT_ERROR", errno: 1040, sqlState: "08004" }),
      "overload",
      true,
    ],
    [
      "mysql2: deadlock",
      Object.assign(new Error("Deadlock found"), { code: "ER_LOCK_DEADLOCK", errno: 1213, sqlState: "40001" }),
      "transient",
      false,
    ],
    [
      "mysql2: no such table",
      Object.assign(new Error("no table"), { code: "ER_NO_SUCH_TABLE", errno: 1146, sqlState: "42S02" }),
      "fatal",
      false,
    ],
    [
      "mysql2: unnamed",
      Object.assign(new Error("Unknown"), { code: "ER_UNKNOWN_ERROR", errno: 1105, sqlState: "HY000" }),
      "transient",
      false,
    ],
    ["ioredis: loading", new ReplyError("LOADING Redis is loading the dataset in memory"), "overload", true],
    [
      "ioredis: out of memory",
      new ReplyError("OOM command not allowed when used memory > 'maxmemory'."),
      "overload",
      true,
    ],
    ["ioredis: replica", new ReplyError("READONLY You can't write against a read only replica."), "transient", false],
    [
      "ioredis: wrong type",
      new ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value"),
      "fatal",
      false,
    ],
    ["ioredis: group exists", new ReplyError("BUSYGROUP Consumer Group name already exists"), "fatal", false],
    // By its name a cancellation: but nobody canceled it.
    ["ioredis: connection closed", new AbortError("Command aborted due to connection close"), "transient", false],
    ["ioredis: not connected", new Error("Connection is closed."), "transient", false],
    ["ioredis: command timeout", new Error("Command timed out"), "transient", true],
    ["node-redis: busy", new SimpleError("BUSY Redis is busy running a script."), "overload", true],
    ["node-redis: cluster down", new ErrorReply("CLUSTERDOWN The cluster is down"), "transient", false],
    [
      "node-redis: password",
      new SimpleError("WRONGPASS invalid username-password pair or user is disabled."),
      "fatal",
      false,
    ],
    ["gRPC: unavailable", serviceError(14, "UNAVAILABLE", "No connection established."), "transient", false],
    ["gRPC: deadline", serviceError(4, "DEADLINE_EXCEEDED", "Deadline exceeded after 0.1s"), "transient", true],
    ["gRPC: canceled", serviceError(1, "CANCELLED", "Cancelled on client"), "ignore", false],
    ["gRPC: exhausted", serviceError(8, "RESOURCE_EXHAUSTED", "quota"), "overload", true],
    [
      "gRPC: too large",
      serviceError(8, "RESOURCE_EXHAUSTED", "Received message larger than max (5 vs 4)"),
      "fatal",
      false,
    ],
    ["gRPC: unauthenticated", serviceError(16, "UNAUTHENTICATED", "no token"), "fatal", false],
    [
      "axios: 503",
      named("AxiosError", "Request failed with status code 503", {
        code: "ERR_BAD_RESPONSE",
        response: { status: 503, headers: {} },
      }),
      "overload",
      true,
    ],
    ["axios: timeout", named("AxiosError", "timeout of 10ms exceeded", { code: "ETIMEDOUT" }), "transient", true],
    ["axios: canceled", named("CanceledError", "canceled", { code: "ERR_CANCELED" }), "ignore", false],
    [
      "AWS: throttled with 400",
      named("ThrottlingException", "Rate exceeded", { $metadata: { httpStatusCode: 400 } }),
      "overload",
      true,
    ],
    [
      "AWS: not found",
      named("ResourceNotFoundException", "none", { $metadata: { httpStatusCode: 404 } }),
      "fatal",
      false,
    ],
    ["Prisma: pool timeout", named("PrismaClientKnownRequestError", "Timed out", { code: "P2024" }), "overload", true],
    [
      "Prisma: unique",
      named("PrismaClientKnownRequestError", "Unique constraint failed", { code: "P2002" }),
      "fatal",
      false,
    ],
    [
      "no port to connect from",
      Object.assign(new Error("connect"), { code: "EADDRNOTAVAIL", syscall: "connect" }),
      "transient",
      true,
    ],
    [
      "no address to listen on",
      Object.assign(new Error("listen"), { code: "EADDRNOTAVAIL", syscall: "listen" }),
      "fatal",
      false,
    ],
    [
      "too many files",
      Object.assign(new Error("accept EMFILE"), { code: "EMFILE", syscall: "accept" }),
      "overload",
      true,
    ],
  ])("%s", (_, error, classification, congested) => {
    expect(classify(error)).toBe(classification);
    expect(isCongestion(classification, error)).toBe(congested);
    expect(classify(new Error("the repository failed", { cause: error }))).toBe(classification);
  });
});

describe("what they ask to wait", () => {
  test.each<[string, unknown, number | undefined]>([
    ["axios", named("AxiosError", "x", { response: { status: 503, headers: { "retry-after": "3" } } }), 3000],
    [
      "axios's own headers",
      named("AxiosError", "x", { response: { headers: new Headers({ "Retry-After": "3" }) } }),
      3000,
    ],
    ["Octokit", named("HttpError", "x", { status: 429, response: { headers: { "retry-after": 4 } } }), 4000],
    ["raw headers of several", named("Error", "x", { headers: { "Retry-After": ["5", "9"] } }), 5000],
    ["gRPC push-back", Object.assign(serviceError(14, "UNAVAILABLE", ""), { metadata: { get: () => ["250"] } }), 250],
    [
      "gRPC: do not",
      Object.assign(serviceError(14, "UNAVAILABLE", ""), { metadata: { get: () => ["-1"] } }),
      undefined,
    ],
    ["gRPC: nothing", serviceError(14, "UNAVAILABLE", ""), undefined],
  ])("%s", (_, outcome, expected) => {
    expect(retryAfter(outcome)).toBe(expected);
    expect(retryAfter(new Error("wrapped", { cause: outcome }))).toBe(expected);
  });
});

// Every row of the table, and that docs/classify.md shows the same one.
import { readFileSync } from "node:fs";
import type { Classification, ErrorCode } from "snowshed";
import { classify, SnowshedError } from "snowshed";
import { describe, expect, test } from "vitest";
import type { Kind, Rows } from "../../src/overload/classification-table.ts";
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
} from "../../src/overload/classification-table.ts";
import { isCongestion } from "../../src/overload/classify.ts";

const page = readFileSync(new URL("../../../../docs/classify.md", import.meta.url), "utf8");

/** Heading in docs/classify.md, and what stands under it. */
const tables = {
  "HTTP status": statuses.rows,
  Codes: codes.rows,
  SQLSTATE: sqlStates.rows,
  "gRPC status": grpcCodes.rows,
  "Replies of Redis and Valkey": redisReplies.rows,
  Names: names.rows,
  Messages: messages.rows,
  "Messages of fetch": fetchFailures.rows,
} as const;

/** The rows of the table below a heading of the page. */
function documented(heading: string): Rows {
  const section = page.split(/^#+ /m).find((each) => each.startsWith(`${heading}\n`)) ?? "";
  const rows = [...section.matchAll(/^\| \*\*(\w+)\*\* *\| (.*?) *\|/gm)];
  const entry = ([, kind, cell = ""]: RegExpExecArray): [kind: string, entries: string[]] => [
    kind!,
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!),
  ];
  return Object.fromEntries(rows.map(entry));
}

describe("docs/classify.md", () => {
  test.each(Object.entries(tables))("shows the table of the code: %s", (heading, rows) => {
    expect(documented(heading)).toEqual(rows);
  });

  test("a table that is not there is noticed", () => {
    expect(documented("No such heading")).toEqual({});
  });
});

const classificationOf: Record<Kind, Classification> = {
  ignore: "ignore",
  transient: "transient",
  congested: "transient",
  overload: "overload",
  fatal: "fatal",
};

/** Entries of a table with what they are expected to be. An entry that is a beginning is tried with an end. */
function entries(rows: Rows, end: string): [entry: string, kind: Kind][] {
  const all = (Object.entries(rows) as [Kind, readonly string[]][]).flatMap(([kind, list]) =>
    list.map((entry): [string, Kind] => [entry.replace(/\*$/, end), kind]),
  );
  expect(new Set(all.map(([entry]) => entry)).size, "no entry stands twice").toBe(all.length);
  return all;
}

function check(outcome: unknown, kind: Kind): void {
  const classification = classify(outcome);
  expect(classification).toBe(classificationOf[kind]);
  const isLocal = /"SNOWSHED_(?:CIRCUIT_OPEN|LIMIT_EXCEEDED)"/.test(JSON.stringify(outcome));
  expect(isCongestion(classification, outcome)).toBe(!isLocal && (kind === "congested" || kind === "overload"));
}

const unnamed = (properties: object): Error => Object.assign(new Error("something"), properties);

describe("rows", () => {
  test.each(entries(codes.rows, "THIS"))("code %s: %s", (entry, kind) => {
    const [code, syscall] = entry.split(":").toReversed();
    const error = unnamed({ code, syscall: syscall ?? "listen" });
    check(error, kind);
    check(new Error("wrapped", { cause: error }), kind);
  });

  test.each(entries(statuses.rows, "77"))("status %s: %s", (entry, kind) => {
    const status = Number(entry);
    check(new Response(null, { status }), kind);
    check({ statusCode: status, headers: {} }, kind);
    check(unnamed({ status }), kind);
    check(unnamed({ statusCode: status }), kind);
    check(unnamed({ response: { status } }), kind);
    check(unnamed({ response: { statusCode: status } }), kind);
    check(unnamed({ $metadata: { httpStatusCode: status } }), kind);
    check(new Error("wrapped", { cause: new Response(null, { status }) }), kind);
  });

  test.each(entries(sqlStates.rows, "999"))("SQLSTATE %s: %s", (code, kind) => {
    check(unnamed({ code, severity: "ERROR", name: "error" }), kind);
    check(unnamed({ code: "ER_ANY", errno: 1, sqlState: code }), kind);
  });

  test.each(entries(grpcCodes.rows, ""))("gRPC status %s: %s", (code, kind) => {
    check(unnamed({ code: Number(code), details: "", metadata: {} }), kind);
    check(unnamed({ code: Number(code), metadata: new Headers(), details: [] }), kind);
    // A number without the company of a gRPC status is somebody else's.
    check(unnamed({ code: Number(code) }), "transient");
  });

  test.each(entries(redisReplies.rows, " text"))("reply %s: %s", (message, kind) => {
    const reply = new Error(message);
    reply.name = "ReplyError";
    check(reply, kind);
    class SimpleError extends Error {}
    check(new SimpleError(message), kind);
    check(new Error(message), "transient");
  });

  test.each(entries(names.rows, ""))("name %s: %s", (name, kind) => check(unnamed({ name }), kind));

  test.each(entries(messages.rows, " text"))("message %s: %s", (message, kind) => {
    check(new Error(message), kind);
    if (!message.includes("RESOURCE_EXHAUSTED")) check(new Error(`${message}, it says`), "transient");
  });

  test.each(entries(fetchFailures.rows, " text"))("TypeError: %s: %s", (message, kind) => {
    check(new TypeError(message), kind);
    check(new TypeError(message, { cause: unnamed({ code: "ENOTFOUND" }) }), "fatal");
    check(new TypeError(message, { cause: unnamed({ code: "EMFILE" }) }), "overload");
    check(new TypeError(`${message} is no function`), message.endsWith("text") ? kind : "fatal");
  });
});

test("every code of the library is in the table, but for the one that says what its cause is", () => {
  const all: Record<ErrorCode, Classification> = {
    SNOWSHED_INVALID_ARGUMENT: "fatal",
    SNOWSHED_CANCELED: "ignore",
    SNOWSHED_DEADLINE_EXCEEDED: "transient",
    SNOWSHED_NEGATIVE_COUNTER: "fatal",
    SNOWSHED_OVER_RELEASE: "fatal",
    SNOWSHED_NEVER_FITS: "fatal",
    SNOWSHED_NO_IDENTITY: "fatal",
    SNOWSHED_NO_OWNER: "fatal",
    SNOWSHED_CHANNEL_CLOSED: "fatal",
    SNOWSHED_GROUP_CLOSED: "fatal",
    SNOWSHED_TASK_NOT_FULFILLED: "fatal",
    SNOWSHED_TRANSIENT: "transient",
    SNOWSHED_FATAL: "fatal",
    SNOWSHED_CLASSIFIER_FAILED: "fatal",
    SNOWSHED_LIMIT_EXCEEDED: "overload",
    SNOWSHED_CIRCUIT_OPEN: "overload",
    SNOWSHED_FALLBACK_FAILED: "transient",
    SNOWSHED_POOL_CLOSED: "fatal",
    SNOWSHED_BACKEND_UNAVAILABLE: "transient",
    SNOWSHED_LEASE_LOST: "transient",
    SNOWSHED_REPLICATION_FAILED: "transient",
    SNOWSHED_EVENT_EXPIRED: "fatal",
    SNOWSHED_LISTEN_FAILED: "fatal",
    SNOWSHED_LEAK_FOUND: "fatal",
  };
  const cause = new AggregateError([new Error("the call"), new Error("its stand-in")]);
  for (const [code, classification] of Object.entries(all) as [ErrorCode, Classification][]) {
    expect([code, classify(new SnowshedError(code, "text", { cause }))]).toEqual([code, classification]);
    const named = codes.find(code) !== 0;
    expect([code, named]).toEqual([code, code !== "SNOWSHED_FALLBACK_FAILED"]);
  }
  expect(Object.keys(ranks)).toEqual(Object.keys(classificationOf));
});

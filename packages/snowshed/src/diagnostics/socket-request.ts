import type { ProfileKind } from "./profile.ts";

/** What a client of `listen()` may ask. */
export type Request = { readonly id: string | number | null } & (
  | { readonly request: "hello" }
  | { readonly request: "close-inspector" }
  | { readonly request: "snapshot"; readonly limit: number; readonly cursor: string | undefined }
  | { readonly request: "profile"; readonly kind: ProfileKind }
  | { readonly request: "deadlocks" }
  | { readonly request: "watch"; readonly kind: ProfileKind; readonly interval: number }
);

/** A request that cannot be answered; `code` is for programs. */
export class RequestError extends Error {
  readonly code: "BAD_REQUEST" | "CURSOR_EXPIRED" | "NOT_WATCHING";

  constructor(code: RequestError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The most tasks of a snapshot: each costs about 250 bytes while it is read. */
const mostTasks = 100_000;
const kinds: readonly string[] = ["task", "blocked", "leak"] satisfies readonly ProfileKind[];

/** Reads a line of the protocol; throws `RequestError`. @internal */
export function readRequest(line: string): Request {
  const fields = parse(line);
  const id = idOf(fields["id"]);
  const { request } = fields;
  switch (request) {
    case "hello":
    case "deadlocks":
    case "close-inspector":
      return { id, request };
    case "snapshot":
      return { id, request, limit: integer(fields, "limit", 1, mostTasks, 10_000), cursor: text(fields, "cursor") };
    case "profile":
      return { id, request, kind: kindOf(fields) };
    case "watch":
      return { id, request, kind: kindOf(fields), interval: integer(fields, "interval", 250, 60_000, 1000) };
    default:
      throw new RequestError("BAD_REQUEST", "request must be hello, snapshot, profile, deadlocks or watch");
  }
}

function parse(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new RequestError("BAD_REQUEST", "a request is one JSON object on a line");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RequestError("BAD_REQUEST", "a request is one JSON object on a line");
  }
  return value as Readonly<Record<string, unknown>>;
}

function idOf(value: unknown): string | number | null {
  return typeof value === "string" || typeof value === "number" ? value : null;
}

function kindOf({ kind = "task" }: Readonly<Record<string, unknown>>): ProfileKind {
  if (typeof kind === "string" && kinds.includes(kind)) return kind as ProfileKind;
  throw new RequestError("BAD_REQUEST", "kind must be task, blocked or leak");
}

function integer(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  minimum: number,
  maximum: number,
  byDefault: number,
): number {
  const value = fields[name] ?? byDefault;
  if (Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum) {
    return value as number;
  }
  throw new RequestError("BAD_REQUEST", `${name} must be an integer from ${minimum} to ${maximum}`);
}

function text(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw new RequestError("BAD_REQUEST", `${name} must be a text`);
}

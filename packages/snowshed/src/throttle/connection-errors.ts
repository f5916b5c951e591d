import { isObject, read } from "../overload/inspection.ts";

/** After these codes nobody knows what is still under way on a connection, or it is gone. An entry in `*` is a beginning. */
const codes: readonly string[] = `
  ECONNRESET EPIPE ETIMEDOUT ECONNABORTED EHOSTDOWN EHOSTUNREACH ENETDOWN ENETRESET ENETUNREACH ENOTCONN ESHUTDOWN
  ESOCKETTIMEDOUT
  ERR_STREAM_DESTROYED ERR_STREAM_WRITE_AFTER_END ERR_STREAM_PREMATURE_CLOSE ERR_SOCKET_CLOSED ERR_SSL_*
  UND_ERR_SOCKET UND_ERR_CLOSED UND_ERR_DESTROYED
  CONNECTION_CLOSED CONNECTION_DESTROYED CONNECTION_ENDED
  PROTOCOL_CONNECTION_LOST PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR PROTOCOL_ENQUEUE_AFTER_QUIT PROTOCOL_PACKETS_OUT_OF_ORDER
  PROTOCOL_SEQUENCE_TIMEOUT ER_SERVER_SHUTDOWN ER_QUERY_TIMEOUT ER_CONNECTION_KILLED ER_CLIENT_INTERACTION_TIMEOUT
  08* 57P01 57P02 57P04 57P05 25P03 25P04
  ABORT_ERR SNOWSHED_CANCELED SNOWSHED_DEADLINE_EXCEEDED
`
  .trim()
  .split(/\s+/);
const exact = new Set(codes.filter((code) => !code.endsWith("*")));
const beginnings = codes.filter((code) => code.endsWith("*")).map((code) => code.slice(0, -1));

/** Of clients that say it nowhere else. */
const messages: readonly string[] = [
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
  "Connection terminated",
  "Connection ended unexpectedly",
  "Connection lost",
  "Connection was killed",
  "Query read timeout",
  "Can't add new command when connection is in closed state",
];

const names: ReadonlySet<unknown> = new Set(["AbortError", "TimeoutError"]);

/** How many errors are looked at, of causes and of AggregateErrors: they can be nested, and in a circle. */
const maxErrors = 1000;

/**
 * Whether work that failed like this may have left its connection broken: the connection is gone, or the work was given
 * up by a timeout or a cancellation and nobody knows what is still under way. Causes and AggregateErrors are followed.
 *
 * @internal
 */
export function isConnectionError(error: unknown): boolean {
  const left: unknown[] = [error];
  for (let looked = 0; looked < maxErrors && left.length > 0; looked++) {
    const next = left.pop();
    if (!isObject(next)) continue;
    if (saysSo(next)) return true;
    const members = read(next, "errors");
    if (Array.isArray(members)) left.push(...(members as unknown[]).slice(0, maxErrors));
    left.push(read(next, "cause"));
  }
  return false;
}

function saysSo(error: object): boolean {
  if (isOfConnection(read(error, "code")) || isOfConnection(read(error, "sqlState"))) return true;
  // What clients of MySQL and MariaDB call an error that ends the connection, whatever its code.
  if (read(error, "fatal") === true) return true;
  if (names.has(read(error, "name"))) return true;
  const message = read(error, "message");
  return typeof message === "string" && messages.some((beginning) => message.startsWith(beginning));
}

function isOfConnection(code: unknown): boolean {
  if (typeof code !== "string") return false;
  return exact.has(code) || beginnings.some((beginning) => code.startsWith(beginning));
}

import { CanceledError, DeadlineExceededError } from "snowshed";
import { describeSystemError, systemCode } from "../system-error.ts";

/** Why a request has no answer. Documented in docs/fetch.md; a code never changes its meaning. */
export type FailureCode =
  | "BAD_ENCODING"
  | "BAD_REDIRECT"
  | "BAD_RESPONSE"
  | "BODY_TOO_LARGE"
  | "CANCELED"
  | "CONNECTION_FAILED"
  | "CONNECTION_REFUSED"
  | "CONNECTION_RESET"
  | "DEADLINE"
  | "DNS"
  | "HEADERS_TOO_LARGE"
  | "HTTP_STATUS"
  | "INTERNAL"
  | "TIMEOUT"
  | "TLS"
  | "TOO_MANY_OPEN_FILES"
  | "TOO_MANY_REDIRECTS"
  | "TRUNCATED"
  | "WRITE_FAILED";

export interface FailureDetails {
  readonly cause?: unknown;
  /** Whether another attempt may succeed, as far as the failure tells. */
  readonly transient?: boolean;
  readonly httpStatus?: number;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter?: number | undefined;
}

export class FetchFailure extends Error {
  override readonly name = "FetchFailure";
  readonly code: FailureCode;
  readonly transient: boolean;
  readonly httpStatus: number | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: FailureCode, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.transient = details.transient ?? false;
    this.httpStatus = details.httpStatus;
    this.retryAfter = details.retryAfter;
  }
}

interface Known {
  readonly code: FailureCode;
  readonly message: string;
  readonly transient: boolean;
}

const known = new Map<string, Known>();

function learn(code: FailureCode, transient: boolean, messages: Readonly<Record<string, string>>): void {
  for (const [systemName, message] of Object.entries(messages)) known.set(systemName, { code, message, transient });
}

learn("CONNECTION_REFUSED", true, { ECONNREFUSED: "nothing listens on that port" });
learn("CONNECTION_RESET", true, {
  ECONNRESET: "the server reset the connection",
  EPIPE: "the server closed the connection while the request was sent",
  UND_ERR_SOCKET: "the server closed the connection without an answer",
});
learn("CONNECTION_FAILED", true, {
  EADDRNOTAVAIL: "this machine has no free port or address left for the connection",
  EHOSTDOWN: "the host is down",
  EHOSTUNREACH: "there is no route to the host",
  ENETDOWN: "the network is down",
  ENETUNREACH: "there is no route to the network",
  ENOBUFS: "this machine has no buffers left for the connection",
  ETIMEDOUT: "the connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "the connection could not be made in time",
});
learn("CONNECTION_FAILED", false, {
  EACCES: "this machine does not permit the connection",
  EPERM: "this machine does not permit the connection",
});
learn("DNS", false, { ENOTFOUND: "the host name does not exist", ENODATA: "the host name has no address" });
learn("DNS", true, { EAI_AGAIN: "the host name could not be looked up for now" });
learn("HEADERS_TOO_LARGE", false, { UND_ERR_HEADERS_OVERFLOW: "the headers of the answer are larger than 16 KiB" });
learn("TOO_MANY_OPEN_FILES", true, {
  EMFILE: "this process may not open more files: lower --concurrency or raise ulimit -n",
  ENFILE: "this machine may not open more files",
});
learn("TRUNCATED", true, {
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the body is not as long as Content-Length says",
  Z_BUF_ERROR: "the compressed body ended too early",
});
learn("BAD_ENCODING", false, {
  Z_DATA_ERROR: "the body is not compressed as Content-Encoding says",
  Z_NEED_DICT: "the body is compressed with an unknown dictionary",
});

/** Names what the client, the decoder or the system reported. `answered`: the headers had come already. */
export function toFailure(cause: unknown, answered: boolean): FetchFailure {
  if (cause instanceof FetchFailure) return cause;
  const code = systemCode(cause);
  const reason = firstLine(describeSystemError(cause));
  // Whether a connection that breaks is seen as closed or as reset is a matter of luck.
  if (answered && lostConnection.has(code)) return truncated(cause, "the connection broke in the middle of the body");
  const entry = known.get(code);
  if (entry !== undefined) {
    return new FetchFailure(entry.code, `${entry.message} (${code})`, { cause, transient: entry.transient });
  }
  if ((cause as Error | null)?.name === "HTTPParserError") {
    if (reason.includes("EOF")) return truncated(cause, "the connection was closed in the middle of the answer");
    return new FetchFailure("BAD_RESPONSE", reason, { cause });
  }
  if (code.startsWith("EAI_"))
    return new FetchFailure("DNS", `the host name could not be looked up (${code})`, { cause });
  if (isTlsCode(code)) return new FetchFailure("TLS", `no secure connection: ${reason} (${code})`, { cause });
  if (brotliCode.test(code)) {
    return new FetchFailure("BAD_ENCODING", `the body is not compressed as Content-Encoding says (${code})`, { cause });
  }
  return new FetchFailure("INTERNAL", reason, { cause });
}

const lostConnection = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);
/** As zlib names them: `ERR_` and the decoder's own constant, such as `_ERROR_FORMAT_DISTANCE`. */
const brotliCode = /^ERR_(BROTLI_DECODER)?_ERROR_/;

function truncated(cause: unknown, message: string): FetchFailure {
  return new FetchFailure("TRUNCATED", message, { cause, transient: true });
}

/** The batch ended the call: by the time limit of one attempt, by the deadline of all, or because the user stopped it. */
export function toEnding(error: unknown, overall: boolean): FetchFailure | undefined {
  if (error instanceof CanceledError) return new FetchFailure("CANCELED", "the run was stopped");
  if (!(error instanceof DeadlineExceededError)) return undefined;
  return overall
    ? new FetchFailure("DEADLINE", "the deadline of the run passed")
    : new FetchFailure("TIMEOUT", "no complete answer within the time limit", { transient: true });
}

const tlsCodes = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "EPROTO",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function isTlsCode(code: string): boolean {
  return tlsCodes.has(code) || code.startsWith("ERR_TLS_") || code.startsWith("ERR_SSL_");
}

function firstLine(text: string): string {
  const line = text.split("\n", 1)[0]!;
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

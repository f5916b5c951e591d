import { SnowshedError } from "../../errors.ts";
import { isObject, read } from "../../overload/inspection.ts";
import { FatalError } from "../../overload/classified-errors.ts";

/** The numbers of gRPC's status codes. */
const cancelled = 1;
const unknown = 2;
const invalidArgument = 3;
const deadlineExceeded = 4;
const notFound = 5;
const permissionDenied = 7;
const failedPrecondition = 9;
const unimplemented = 12;
const internal = 13;
const unavailable = 14;
const unauthenticated = 16;

/** What to do after a failed attempt. @internal */
export type FailureKind = "next endpoint" | "authenticate" | "fatal" | "give up";

function statusOf(error: unknown): unknown {
  return isObject(error) ? read(error, "code") : undefined;
}

/** @internal */
export function kindOf(error: unknown): FailureKind {
  const message = isObject(error) ? String(read(error, "message")) : "";
  switch (statusOf(error)) {
    case cancelled:
    case unknown:
    case deadlineExceeded:
    case internal:
    case unavailable:
      return "next endpoint";
    case unauthenticated:
      return "authenticate";
    case invalidArgument:
      // The token is from before a change of users or roles.
      return message.includes("revision of auth store is old") ? "authenticate" : "fatal";
    case permissionDenied:
    case unimplemented:
      return "fatal";
    default:
      return "give up";
  }
}

/** Said by a server that asks for no password. @internal */
export function isAuthDisabled(error: unknown): boolean {
  const message = isObject(error) ? String(read(error, "message")) : "";
  return statusOf(error) === failedPrecondition && message.includes("authentication is not enabled");
}

/** Of an error of {@link toBackendError}: the lease that the request named is not there. @internal */
export function isLeaseGone(error: unknown): boolean {
  return statusOf(isObject(error) ? read(error, "cause") : undefined) === notFound;
}

function reasonOf(error: unknown): string {
  return isObject(error) ? String(read(error, "message")) : String(error);
}

/** What a call rejects with, after its last attempt. @internal */
export function toBackendError(what: string, error: unknown): SnowshedError {
  const message = `etcd: ${what}: ${reasonOf(error)}`;
  const kind = kindOf(error);
  if (kind === "fatal" || kind === "authenticate") return new FatalError(message, { cause: error });
  return new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", message, { cause: error });
}

/** An attempt that got no answer, in the form of gRPC's own errors. @internal */
export function unanswered(message: string): Error {
  return Object.assign(new Error(message), { code: deadlineExceeded });
}

/** A stream that ended before it should have. @internal */
export function interrupted(message: string): Error {
  return Object.assign(new Error(message), { code: unavailable });
}

/** @internal */
export function closedError(): SnowshedError {
  return new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", "etcd: the client is closed");
}

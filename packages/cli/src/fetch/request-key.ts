import { createHash } from "node:crypto";
import type { FetchRequest } from "./request.ts";

/**
 * What the answer depends on: method, URL, body and the request's own headers, in 32 hexadecimal digits. Headers given
 * for the whole run are left out, so that a new token does not make a new request.
 */
export function answerKey(request: FetchRequest): string {
  return digest([request.method, request.origin, request.path, request.ownHeaders, request.body ?? ""]);
}

/** The request itself, with the user's name for it. Requests that agree in it are the same piece of work. */
export function requestKey(request: FetchRequest): string {
  let key = requestKeys.get(request);
  if (key === undefined) {
    key = digest([request.id ?? "", answerKey(request)]);
    requestKeys.set(request, key);
  }
  return key;
}

/** Several steps of a request ask for it. */
const requestKeys = new WeakMap<FetchRequest, string>();

function digest(parts: readonly string[]): string {
  // As JSON no part can pass for the end of one and the beginning of the next.
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

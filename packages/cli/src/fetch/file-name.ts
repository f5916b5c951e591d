import type { FetchRequest } from "./request.ts";
import { requestKey } from "./request-key.ts";

const longestLabel = 80;

/**
 * The name of the file for the body: the id or the host, made safe for every file system, and 16 digits of the request's
 * key. The key keeps different requests apart and gives the same request the same name in every run, so no table of
 * names in use is needed. Never contains a path separator and never begins with a dot.
 */
export function bodyFileName(request: FetchRequest): string {
  const label = (request.id ?? new URL(request.origin).host)
    .replaceAll(/[^A-Za-z0-9._-]+/g, "_")
    .replace(/^[._-]+/, "")
    .slice(0, longestLabel);
  return `${label === "" ? "body" : label}-${requestKey(request).slice(0, 16)}`;
}

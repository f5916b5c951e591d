import { createHash } from "node:crypto";
import { invalidArgument } from "../errors.ts";
import type { EventIdentity } from "./deduplication-store.ts";

/** Of the text that a store keeps, in UTF-16 units. */
const longestKey = 200;
const hashed = "sha256:";
/** What a `Date` can hold. */
const furthest = 8.64e15;

/**
 * The key as stores keep it: text that every database takes, no longer than {@link longestKey}. What is longer, or is no such
 * text, is replaced by its hash; two keys are never the same text.
 *
 * @internal
 */
export function storedKey(key: string): string {
  // A lone surrogate would become U+FFFD on its way, and PostgreSQL has no NUL. What looks like a hash must not be taken for one.
  // oxlint-disable-next-line no-control-regex
  const isPlain = key.length <= longestKey && !/[\u0000\p{Surrogate}]/u.test(key) && !key.startsWith(hashed);
  return isPlain ? key : hashed + createHash("sha256").update(Buffer.from(key, "utf16le")).digest("hex");
}

/** `place`: for the message, `event` or `events[3]`. @internal */
export function checkIdentity(event: EventIdentity, place: string): void {
  if (typeof event !== "object" || event === null) throw invalidArgument(TypeError, place, "an object", event);
  const { key, at } = event;
  // Not the key itself: nobody knows what is in it.
  if (typeof key !== "string") throw invalidArgument(TypeError, `${place}.key`, "text", typeof key);
  if (key === "") throw invalidArgument(RangeError, `${place}.key`, "text of at least one character", key);
  if (at === undefined || (Number.isSafeInteger(at) && Math.abs(at) <= furthest)) return;
  const NativeError = typeof at === "number" ? RangeError : TypeError;
  throw invalidArgument(NativeError, `${place}.at`, "Unix time in whole milliseconds", at);
}

import { maskText } from "../mask.ts";

const secretWord =
  /(?:^|[._-])(?:pass|password|passwd|passphrase|secret|token|credentials?)(?:$|[._-])|(?:password|secret|token)$|jaas/i;

/** Of Redis, whose names are one word. `user` holds the passwords of its rule. */
const secretNames = new Set(["requirepass", "masterauth", "primaryauth", "user"]);

/** What a report may show of a setting: nothing of a password, and of an address all but its password. */
export function shownValue(name: string, value: string): string {
  if (value !== "" && (secretNames.has(name.toLowerCase()) || secretWord.test(name))) return "***";
  return maskText(value);
}

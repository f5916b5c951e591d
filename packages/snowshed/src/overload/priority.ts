import { invalidArgument } from "../errors.ts";

/** From what must go through to what can be done at another time: user-facing and vital, user-facing, most, batch. */
export type PriorityBand = "critical" | "high" | "normal" | "low";

/**
 * How much a piece of work matters when not all can be done. With `user` (any stable identity: an account, a tenant, an
 * API key) those of one user share one fate for an hour, instead of each being cut off or not by chance.
 */
export type Priority = PriorityBand | { readonly band: PriorityBand; readonly user: string };

/** The bands, the most important first; what is used inside is the place in this list. @internal */
export const bands: readonly PriorityBand[] = ["critical", "high", "normal", "low"];

/** Of work that says nothing. @internal */
export const normalBand = 2;

const hour = 3_600_000;

/** How many levels a band has: those of one user share one. The number is DAGOR's. @internal */
export const levelsPerBand = 128;

/** The place of a priority's band in the list; a priority that is none is an argument error. @internal */
export function bandOf(priority: Priority | undefined): number {
  if (priority === undefined) return normalBand;
  const named = typeof priority === "string";
  const band = named ? priority : (priority as Exclude<Priority, string> | null)?.band;
  const place = band === undefined ? -1 : bands.indexOf(band);
  if (place !== -1 && (named || typeof priority.user === "string")) return place;
  throw invalidArgument(TypeError, "priority", `one of ${bands.join(", ")}, or { band, user }`, priority);
}

/**
 * The place of a user inside a band, from 0: a hash of the user and of the hour of `date`, so that it is another one
 * that goes first in the next hour, and the same one in every process.
 *
 * @internal
 */
export function levelOf(user: string, date: number): number {
  // FNV-1a, and the finish of MurmurHash3: without that, the low bits of similar names are alike.
  let hash = 0x811c9dc5 ^ Math.floor(date / hour);
  for (let index = 0; index < user.length; index++) hash = Math.imul(hash ^ user.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) & (levelsPerBand - 1);
}

// What semaphore.lua is told, and what it says.
import type { Token } from "./semaphore-lease.ts";
import { fencesOf } from "./semaphore-lease.ts";
import type { LeaseInspection } from "../../throttle/lease-semaphore.ts";

/** Besides what was asked, each longer reply says how the semaphore is. @internal */
export interface Reply {
  /** `G` granted, `Q` queued, `F` never fits, `N` not now, `B` renewed, `R` released, `C` resized. */
  readonly kind: string;
  readonly slots: string;
  readonly token: Token;
  readonly isReleased: boolean;
  /** `null` in the short reply of a grant. */
  readonly status: Status | null;
  /** What else concerns this process. */
  readonly told: readonly string[];
}

/** @internal */
export interface Status {
  /** Milliseconds until a lease may end, or -1. */
  readonly wait: number;
  /** The first in the queue is one of this process. */
  readonly isFirst: boolean;
  readonly queued: number;
  readonly permits: number;
  readonly version: number;
  /** The server's time. */
  readonly now: number;
}

const none: readonly string[] = [];

/** What APPEND replies when a lease was given back and nobody waits: see semaphore.lua. @internal */
export const isAll = (length: unknown): boolean => Number(length) % 22 === 7;

const returned = (isReleased: boolean): Reply => ({
  kind: "R",
  slots: "",
  token: "",
  isReleased,
  status: null,
  told: none,
});
const granted = (slots: string, token: Token): Reply => ({
  kind: "G",
  slots,
  token,
  isReleased: false,
  status: null,
  told: none,
});

/** @internal */
export function replyOf(reply: unknown): Reply {
  // Of a grant of slot 0; "1" or "0" of a release.
  if (typeof reply === "number") return reply > 1 ? granted("0", reply) : returned(reply === 1);
  const text = String(reply);
  const end = text.indexOf("\n");
  if (end === -1) {
    // "<slots> <token>" of another grant; a number of a client that makes texts of them.
    const space = text.indexOf(" ");
    if (space === -1) return replyOf(Number(text));
    return granted(text.slice(0, space), text.slice(space + 1));
  }
  const [head, numbers, ...told] = text.split("\n") as [string, string, ...string[]];
  const [kind, first = "", token = ""] = head.split(" ") as [string, string?, string?];
  const [wait, isFirst, queued, permits, version, now] = numbers.split(" ").map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const status = { wait, isFirst: isFirst === 1, queued, permits, version, now };
  return { kind, slots: first, token, isReleased: first === "1", status, told };
}

const lineOfHolder = /^(\S+) (\d+) (\S+) (\d+) (\d+) \d+ \S+ (.*)$/;
const lineOfWaiter = /^(\S+) (\d+) \d+ \S+ (.*)$/;

/** The reply of semaphore-inspect.lua. `permits`, `version`: those of who asks, for a semaphore that is not there yet. @internal */
export function inspectionOf(reply: unknown, permits: number, version: number): LeaseInspection {
  const [time, knownPermits, knownVersion, lines, queued, ...waiting] = (reply as unknown[]).map(String);
  const now = Number(time);
  const isKnown = Number(knownPermits) >= 0;
  const holders = [];
  for (const line of lines!.split("\n")) {
    const match = lineOfHolder.exec(line);
    if (match === null) continue;
    const [, id, expiry, slots, token, weight, owner] = match as unknown as string[];
    const expiresIn = Number(expiry) - now;
    if (expiresIn <= 0) continue;
    const fences = fencesOf(slots!, token!);
    const since = Math.floor(Number(token) / 1000);
    const who = { id: id!, owner: decodeURIComponent(owner!), weight: Number(weight) };
    holders.push({ ...who, fence: fences[0]!, fences, since, expiresIn });
  }
  const waiters = [];
  for (let each = 0; each < waiting.length; each += 2) {
    const match = lineOfWaiter.exec(waiting[each]!);
    if (match === null) continue;
    const [, id, weight, owner] = match as unknown as string[];
    const since = Math.floor(Number(waiting[each + 1]) / 1000);
    waiters.push({ id: id!, owner: decodeURIComponent(owner!), weight: Number(weight), since });
  }
  return {
    permits: isKnown ? Number(knownPermits) : permits,
    version: isKnown ? Number(knownVersion) : version,
    held: holders.reduce((sum, { weight }) => sum + weight, 0),
    queued: Number(queued),
    holders,
    waiters,
  };
}

// What several processes did with one semaphore, and whether it is what the semaphore promises. All times are milliseconds
// of the machine's monotonic clock, which its processes share.

export interface Fenced {
  readonly slot: number;
  readonly token: bigint;
}

/** One request for a permit, and what became of it. */
export interface Request {
  readonly worker: string;
  readonly weight: number;
  readonly invoked: number;
  /** When it had left its process for certain, which may have got no processor in between. Default: at once. */
  readonly sent?: number | undefined;
  /** When its process had the permit; undefined: it never had. */
  readonly granted?: number | undefined;
  readonly fences: readonly Fenced[];
  /**
   * Until when its process took itself for the holder for certain: it gave the permit back, its context aborted, or the process
   * was stopped or killed.
   */
  readonly ended?: number | undefined;
}

/** When something was done to a worker, or to all: then who is served when is no longer in the semaphore's hand. */
export interface Disturbance {
  /** undefined: all. */
  readonly worker: string | undefined;
  readonly from: number;
  readonly to: number;
}

export interface History {
  readonly permits: number;
  readonly requests: readonly Request[];
  readonly disturbances: readonly Disturbance[];
  /** Who had their permits within so many milliseconds of each other had them together: tokens do not tell their order. */
  readonly together?: number;
  /** Whose order is uncertain because they came so close together, in milliseconds. Default: 100. */
  readonly margin?: number;
}

interface Hold {
  readonly from: number;
  readonly to: number;
  readonly request: Request;
}

/** All that is not as it must be, in words; nothing: all is. */
export function violationsOf(history: History): string[] {
  const holds: Hold[] = history.requests.flatMap((request) => {
    const { granted, ended } = request;
    return granted === undefined || ended === undefined || ended <= granted
      ? []
      : [{ from: granted, to: ended, request }];
  });
  return [
    ...tooMany(holds, history.permits),
    ...sharedSlots(holds),
    ...tokensThatFall(history),
    ...passedOver(history),
  ];
}

/** At most `permits` units at every moment. */
function tooMany(holds: readonly Hold[], permits: number): string[] {
  const edges = holds.flatMap(({ from, to, request: { weight } }) => [
    { at: from, change: weight },
    { at: to, change: -weight },
  ]);
  // What ends at a moment has ended before what begins then.
  edges.sort((a, b) => a.at - b.at || a.change - b.change);
  const found: string[] = [];
  let held = 0;
  for (const { at, change } of edges) {
    held += change;
    if (held > permits && change > 0) found.push(`${held} of ${permits} units were held at ${at.toFixed(1)}`);
  }
  return found;
}

/** Each slot has one holder at a time. */
function sharedSlots(holds: readonly Hold[]): string[] {
  const bySlot = new Map<number, Hold[]>();
  for (const hold of holds) {
    for (const { slot } of hold.request.fences) bySlot.set(slot, [...(bySlot.get(slot) ?? []), hold]);
  }
  return [...bySlot].flatMap(([slot, own]) => {
    own.sort((a, b) => a.from - b.from);
    return own.flatMap((hold, index) => {
      const before = own[index - 1];
      return before !== undefined && hold.from < before.to
        ? [`slot ${slot} was held by ${before.request.worker} and ${hold.request.worker} at ${hold.from.toFixed(1)}`]
        : [];
    });
  });
}

/** What is granted after another's grant was known has the larger token on their slot; no token is given twice. */
export function tokensThatFall({ requests }: History): string[] {
  const bySlot = new Map<number, { token: bigint; request: Request }[]>();
  for (const request of requests) {
    if (request.granted === undefined) continue;
    for (const { slot, token } of request.fences) bySlot.set(slot, [...(bySlot.get(slot) ?? []), { token, request }]);
  }
  return [...bySlot].flatMap(([slot, grants]) => {
    grants.sort((a, b) => a.request.granted! - b.request.granted!);
    const found: string[] = [];
    const seen = new Set<bigint>();
    for (const { token, request } of grants) {
      if (seen.has(token)) found.push(`token ${token} of slot ${slot} was given twice`);
      seen.add(token);
      const earlier = grants.find((other) => other.request.granted! < request.invoked && other.token >= token);
      if (earlier !== undefined) found.push(`slot ${slot}: token ${token} came after ${earlier.token}`);
    }
    return found;
  });
}

/** Of those who want as much, who came first is served first; tokens tell the order on the server. */
function passedOver({ requests, disturbances, together = 0, margin = 100 }: History): string[] {
  const calm = requests.filter(({ granted, invoked, worker, fences }) => {
    if (granted === undefined || fences.length === 0) return false;
    return !disturbances.some(
      ({ worker: whose, from, to }) => (whose === worker || whose === undefined) && from < granted && invoked < to,
    );
  });
  calm.sort((a, b) => a.invoked - b.invoked);
  const found: string[] = [];
  for (const [index, late] of calm.entries()) {
    for (const early of calm.slice(Math.max(0, index - 200), index)) {
      if (early.weight !== late.weight || (early.sent ?? early.invoked) + margin >= late.invoked) continue;
      const isTogether = Math.abs(early.granted! - late.granted!) < together;
      if (early.fences[0]!.token > late.fences[0]!.token && !isTogether) {
        found.push(
          `${early.worker} came ${(late.invoked - early.invoked).toFixed(0)} ms before ${late.worker}, and was passed over`,
        );
      }
    }
  }
  return found;
}

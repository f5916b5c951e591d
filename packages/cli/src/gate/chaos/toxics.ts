/** What the client sends is upstream, what the server answers is downstream. */
export type Stream = "upstream" | "downstream";

/** A fault on the connections of a proxy, in the words of Toxiproxy's API. */
export interface Toxic {
  readonly name: string;
  readonly type: ToxicType;
  readonly stream: Stream;
  /** The share of the connections that have it, from 0 to 1. */
  readonly toxicity: number;
  readonly attributes: Readonly<Record<string, number>>;
}

/** The attributes of each type, with their defaults. Times are milliseconds, `rate` is kilobytes per second. */
const attributesOf: Readonly<Record<ToxicType, Readonly<Record<string, number>>>> = {
  latency: { latency: 0, jitter: 0 },
  bandwidth: { rate: 0 },
  slow_close: { delay: 0 },
  timeout: { timeout: 0 },
  reset_peer: { timeout: 0 },
  slicer: { average_size: 0, size_variation: 0, delay: 0 },
  limit_data: { bytes: 0 },
  noop: {},
  // Not in Toxiproxy.
  /** `percent` of the pieces come `hold` milliseconds late, as when TCP sends a lost one again. */
  loss: { percent: 0, hold: 200 },
  /** Nothing passes, nobody is told. At heal what was held goes on; with `kill` 1 the connections are reset. */
  black_hole: { kill: 0 },
  /** The server's side of the connections that are there is gone, and the client is not told until heal. */
  half_open: {},
  /** The server is connected so much later, and what the client sends at first waits for it. */
  connect_latency: { latency: 0 },
};

export type ToxicType =
  | "latency"
  | "bandwidth"
  | "slow_close"
  | "timeout"
  | "reset_peer"
  | "slicer"
  | "limit_data"
  | "noop"
  | "loss"
  | "black_hole"
  | "half_open"
  | "connect_latency";

/** Something a user of the proxy asked for that cannot be; `status` is the one of HTTP. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** The longest time a timer of Node can take. */
const most = 2 ** 31 - 1;

/**
 * A toxic of what came as JSON; what is left out is that of `before`.
 * @throws ProxyError for what is none.
 */
export function toToxic(input: unknown, before?: Toxic): Toxic {
  const given = objectOf(input);
  const type = before?.type ?? given["type"];
  if (typeof type !== "string" || !Object.hasOwn(attributesOf, type)) throw new ProxyError("invalid toxic type", 400);
  const side = given["stream"] ?? "downstream";
  const stream = before?.stream ?? (typeof side === "string" ? side.toLowerCase() : side);
  if (stream !== "upstream" && stream !== "downstream") {
    throw new ProxyError("stream was invalid, can be either upstream or downstream", 400);
  }
  // Clients that leave it out send an empty one.
  const own = given["name"] === "" ? undefined : given["name"];
  const name = before?.name ?? own ?? `${type}_${stream}`;
  if (!isName(name)) throw new ProxyError("bad request body: name", 400);
  const toxicity = given["toxicity"] ?? before?.toxicity ?? 1;
  if (typeof toxicity !== "number" || !(toxicity >= 0 && toxicity <= 1)) {
    throw new ProxyError("bad request body: toxicity must be from 0 to 1", 400);
  }
  const attributes: Record<string, number> = { ...attributesOf[type as ToxicType], ...before?.attributes };
  for (const [key, value] of Object.entries(objectOf(given["attributes"] ?? {}))) {
    if (!Object.hasOwn(attributes, key)) continue;
    if (typeof value !== "number" || !(value >= 0 && value <= most)) {
      throw new ProxyError(`bad request body: ${key} must be from 0 to ${most}`, 400);
    }
    attributes[key] = value;
  }
  if ((attributes["percent"] ?? 0) > 100) throw new ProxyError("bad request body: percent must be from 0 to 100", 400);
  return { name, type: type as ToxicType, stream, toxicity, attributes };
}

/** What can stand in a path and in a log. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && /^[\w.:@-]{1,100}$/.test(value);
}

export function objectOf(input: unknown): Readonly<Record<string, unknown>> {
  if (typeof input === "object" && input !== null && !Array.isArray(input)) return input as Record<string, unknown>;
  throw new ProxyError("bad request body: not an object", 400);
}

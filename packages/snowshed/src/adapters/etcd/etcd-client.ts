import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import { aboveZero, finite, toMillisecondsInRange } from "../../duration.ts";
import { invalidArgument } from "../../errors.ts";
import type { Endpoint } from "./etcd-connection.ts";
import { EtcdConnection } from "./etcd-connection.ts";
import { EtcdSessions } from "./etcd-session.ts";
import type { GrpcLike } from "./grpc-like.ts";

/** In PEM. What is left out is the system's (`ca`), or not sent (`cert`, `key`). */
export interface EtcdTls {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
}

export interface EtcdClientOptions {
  /** `"host:port"`, `"http://host:port"` or `"https://host:port"`: as many of the cluster's as are known. */
  readonly endpoints: string | readonly string[];
  /** For `https` endpoints, and for those without a scheme: with this they are encrypted. */
  readonly tls?: EtcdTls | undefined;
  /** `ChannelCredentials` of the module, for all endpoints, instead of `tls`. */
  readonly credentials?: unknown;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** How long a call may take, all its attempts included. Default: 5 s. */
  readonly timeout?: Duration | undefined;
  /** The module `@grpc/grpc-js`. Default: it is imported at the first call. */
  readonly grpc?: GrpcLike | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * A connection to etcd, for `EtcdSemaphore` and `EtcdElection`. One for a process is enough: they share its lease.
 *
 * Nothing is connected before the first call. A call that gets no answer is sent to the next endpoint, and again, until
 * `timeout`; then it rejects with `SNOWSHED_BACKEND_UNAVAILABLE`. What no other attempt can cure (a wrong password, a
 * missing right) is a `FatalError` at once.
 *
 * @example
 * ```ts no-run
 * import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
 *
 * await using client = new EtcdClient({ endpoints: ["10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"] });
 * const imports = new EtcdSemaphore(client, "imports", { permits: 3 });
 * await imports.run(async ({ signal }) => fetch("http://warehouse/import", { method: "POST", signal }));
 * ```
 */
export class EtcdClient implements AsyncDisposable {
  readonly #connection: EtcdConnection;
  readonly #sessions: EtcdSessions;

  constructor(options: EtcdClientOptions) {
    const { username, password, grpc, tls, credentials, clock = systemClock } = options;
    const list = typeof options.endpoints === "string" ? [options.endpoints] : options.endpoints;
    if (!Array.isArray(list) || list.length === 0) {
      throw invalidArgument(TypeError, "endpoints", "one or several addresses", options.endpoints);
    }
    const timeout = toMillisecondsInRange(options.timeout ?? "5s", "timeout", aboveZero, finite);
    if ((username === undefined) !== (password === undefined)) {
      throw invalidArgument(TypeError, "username and password", "given together", username ?? "only a password");
    }
    if ((tls?.cert === undefined) !== (tls?.key === undefined)) {
      throw invalidArgument(TypeError, "tls", "with cert and key together", tls?.cert === undefined ? "key" : "cert");
    }
    const user = username === undefined ? undefined : { name: username, password: password! };
    const endpoints = (list as readonly string[]).map((each, index) => endpointOf(each, index, tls, credentials));
    this.#connection = new EtcdConnection({ endpoints, user, timeout, grpc, clock });
    this.#sessions = new EtcdSessions(this.#connection);
  }

  /** @internal */
  get connection(): EtcdConnection {
    return this.#connection;
  }

  /** @internal */
  get sessions(): EtcdSessions {
    return this.#sessions;
  }

  /**
   * Gives back its leases, and with them all that is held through it: their contexts are aborted
   * (`SNOWSHED_LEASE_LOST`). Who waits is refused with `SNOWSHED_BACKEND_UNAVAILABLE`. Resolves within `timeout`, also when
   * the server cannot be reached: then the leases end by themselves.
   */
  async close(): Promise<void> {
    await this.#sessions.close();
    this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function endpointOf(given: string, index: number, tls: EtcdTls | undefined, credentials: unknown): Endpoint {
  const match = typeof given === "string" ? /^(?:(https?):\/\/)?([^\s/]+:\d+)\/?$/.exec(given) : null;
  if (match === null) {
    throw invalidArgument(TypeError, `endpoints[${index}]`, '"host:port", with http:// or https:// before it', given);
  }
  const [, scheme, address] = match;
  const isEncrypted = scheme === "https" || (scheme === undefined && tls !== undefined);
  return {
    address: address!,
    credentials: (grpc) => {
      if (credentials !== undefined) return credentials;
      if (!isEncrypted) return grpc.credentials.createInsecure();
      return grpc.credentials.createSsl(pem(tls?.ca), pem(tls?.key), pem(tls?.cert));
    },
  };
}

function pem(text: string | Buffer | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text as string);
}

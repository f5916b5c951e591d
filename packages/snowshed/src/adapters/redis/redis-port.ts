import { invalidArgument } from "../../errors.ts";
import { DedicatedConnection } from "./dedicated-connection.ts";
import { IoRedisConnector } from "./io-redis-connector.ts";
import { NodeRedisConnector } from "./node-redis-connector.ts";
import type { DedicatedPort, RedisPort, Script } from "./port.ts";
import type { RedisConnector } from "./redis-connector.ts";
import type { IoRedisLike, NodeRedisLike, RedisLike } from "./redis-like.ts";
import { Subscriptions } from "./subscriptions.ts";

class ClientPort implements RedisPort {
  readonly isSharded: boolean;
  readonly #connector: RedisConnector;
  readonly #subscriptions: Subscriptions;

  constructor(connector: RedisConnector, subscriber: RedisConnector) {
    this.isSharded = connector.isSharded;
    this.#connector = connector;
    this.#subscriptions = new Subscriptions(subscriber);
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#connector.run(script, keys, args);
  }

  append(key: string, value: string): Promise<unknown> {
    try {
      return this.#connector.append(key, value);
    } catch (error) {
      // A client may throw where it should reject; one that is not the real one may not have it.
      return Promise.reject(error);
    }
  }

  subscribe(
    channel: string,
    onMessage: (message: string) => void,
    onRejoin?: () => void,
  ): Promise<() => Promise<void>> {
    return this.#subscriptions.subscribe(channel, onMessage, onRejoin);
  }

  dedicated(key: string): Promise<DedicatedPort> {
    return Promise.resolve(new DedicatedConnection(this, this.#connector, key));
  }
}

const ports = new WeakMap<RedisLike, { port: RedisPort; subscriber: RedisLike | undefined }>();

/**
 * The port of a client; the same one for the same client. Subscriptions use connections like those of `subscriber`:
 * another client, for who needs other options there. Default: like those of `client`.
 *
 * @internal
 */
export function portOf(client: RedisLike, subscriber?: RedisLike): RedisPort {
  const known = ports.get(client);
  if (known !== undefined && known.subscriber === subscriber) return known.port;
  const connector = connectorOf(client, "client");
  const port = new ClientPort(connector, subscriber === undefined ? connector : connectorOf(subscriber, "subscriber"));
  ports.set(client, { port, subscriber });
  return port;
}

function connectorOf(client: RedisLike, name: string): RedisConnector {
  const given = client as Partial<IoRedisLike & NodeRedisLike> | null;
  if (typeof given?.evalsha === "function") return new IoRedisConnector(client as IoRedisLike);
  if (typeof given?.evalSha === "function") return new NodeRedisConnector(client as NodeRedisLike);
  throw invalidArgument(TypeError, name, "a client of ioredis, iovalkey or node-redis", client);
}

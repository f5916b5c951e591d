import { Redis } from "ioredis";
import { CapacityFailure } from "../capacity-failure.ts";
import { hostOf, maskedTarget, portOf } from "../target.ts";

/** A connection that fails at once instead of trying again: a step with a gap in it is none. */
export async function connectRedis(url: URL): Promise<Redis> {
  const { username, password, pathname, protocol } = url;
  const client = new Redis({
    host: hostOf(url),
    port: portOf(url),
    db: Number(pathname.slice(1)) || 0,
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" ? { tls: {} } : {}),
    lazyConnect: true,
    connectTimeout: 5000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectionName: "snowshed-capacity",
  });
  let failure: unknown;
  // Without a listener each failure would be written to stderr.
  client.on("error", (error) => (failure ??= error));
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.disconnect();
    const cause = failure ?? error;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CapacityFailure(`${maskedTarget(url)} does not answer: ${message}`);
  }
}

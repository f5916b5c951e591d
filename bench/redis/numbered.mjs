import { createHash } from "node:crypto";

/** The script, and before it a number that says the how manieth of all it is on this server. */
const numberedSource = (source) =>
  `local number = redis.call("INCR", "arrivals") local reply = (function() ${source}\nend)() return { number, reply }`;

/**
 * An ioredis client whose scripts are numbered by the server in the order in which they come to it: `first` is the number of
 * the first one after `begin()`, `latest` that of the latest that was answered.
 */
export function numbered(client) {
  const shas = new Map();
  const numbers = {
    first: undefined,
    latest: undefined,
    isFirst: false,
    begin() {
      this.isFirst = true;
    },
  };
  const run = async (call) => {
    const { isFirst } = numbers;
    numbers.isFirst = false;
    const [number, reply] = await call();
    if (isFirst) numbers.first = number;
    numbers.latest = number;
    return reply;
  };
  const other = {
    async evalsha(sha, ...args) {
      const own = shas.get(sha);
      if (own === undefined) throw new Error("NOSCRIPT");
      return run(() => client.evalsha(own, ...args));
    },
    async eval(source, ...args) {
      const sha = createHash("sha1").update(source).digest("hex");
      const own = await client.script("LOAD", numberedSource(source));
      shas.set(sha, own);
      return run(() => client.evalsha(own, ...args));
    },
  };
  const proxy = new Proxy(client, {
    get: (target, name) => {
      if (name in other) return other[name];
      const value = target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { client: proxy, numbers };
}

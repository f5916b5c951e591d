import type { EtcdConnection } from "./etcd-connection.ts";
import { range } from "./etcd-messages.ts";
import { endOf } from "./prefix-watch.ts";

/** The names below a prefix, in order. One call for each: how many hold or wait makes no difference. @internal */
export async function semaphoreNames(connection: EtcdConnection, prefix: string): Promise<string[]> {
  const below = prefix === "" ? "" : `${prefix}/`;
  const rangeEnd = prefix === "" ? "\0" : endOf(below);
  const names: string[] = [];
  for (let from = below === "" ? "\0" : below; ;) {
    const { answer } = await connection.call(range, { key: from, rangeEnd, limit: 1n });
    const key = answer.kvs[0]?.key;
    if (key === undefined) return names;
    const slash = key.indexOf("/", below.length);
    if (slash === -1) from = `${key}\0`;
    else {
      names.push(key.slice(below.length, slash));
      from = endOf(key.slice(0, slash + 1));
    }
  }
}

import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
import type { Lock, LockSource } from "./lock-source.ts";

/** The semaphores in etcd. */
export async function etcdLocks(url: URL, prefix: string, timeout: number): Promise<LockSource> {
  const { username, password, hostname, port, protocol } = url;
  const address = `${protocol === "etcds:" ? "https" : "http"}://${hostname}:${port === "" ? "2379" : port}`;
  const user =
    username === "" ? {} : { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  const client = new EtcdClient({ endpoints: address, timeout, ...user });
  return {
    address,
    names: () => EtcdSemaphore.names(client, { prefix }),
    exists: async (name) => (await EtcdSemaphore.names(client, { prefix })).includes(name),
    lock(name): Lock {
      const semaphore = new EtcdSemaphore(client, name, { permits: 0, prefix });
      return { name, inspect: () => semaphore.inspect(), releaseHolder: (id) => semaphore.releaseHolder(id) };
    },
    close: () => client.close(),
  };
}

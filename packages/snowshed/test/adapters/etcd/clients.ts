import type { EtcdClientOptions } from "snowshed/etcd";
import { EtcdClient } from "snowshed/etcd";
import { afterAll, afterEach, beforeAll, vi } from "vitest";
import type { EtcdCluster } from "../../support/etcd.ts";
import { startEtcd } from "../../support/etcd.ts";

interface Etcd {
  readonly cluster: EtcdCluster;
  /** Another client, as another process has it; closed after the test. */
  readonly connect: (options?: Partial<EtcdClientOptions>) => EtcdClient;
}

/** An etcd for all tests of a file. */
export function useEtcd(members: 1 | 3 = 1): Etcd {
  let cluster: EtcdCluster | undefined;
  const clients: EtcdClient[] = [];
  vi.setConfig({ testTimeout: 120_000 });
  beforeAll(async () => {
    cluster = await startEtcd({ members });
  }, 300_000);
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });
  afterAll(async () => {
    await cluster?.remove();
  });
  return {
    get cluster() {
      return cluster!;
    },
    connect: (options = {}) => {
      const client = new EtcdClient({ endpoints: cluster!.endpoints, ...options });
      clients.push(client);
      return client;
    },
  };
}

let names = 0;

/** A name that no other test uses. */
export function newName(): string {
  return `test-${names++}`;
}

import type { EtcdConnection } from "./etcd-connection.ts";
import { leaseTimeToLive, range, txn } from "./etcd-messages.ts";
import type { LeaseInspection } from "../../throttle/lease-semaphore.ts";
import type { SemaphoreRequests } from "./semaphore-requests.ts";
import { SemaphoreView } from "./semaphore-view.ts";

/** What the server knows now. */
async function viewOf(connection: EtcdConnection, requests: SemaphoreRequests): Promise<SemaphoreView> {
  const { answer } = await connection.call(range, requests.everything);
  const view = new SemaphoreView(requests.prefix);
  view.adopt(answer.kvs, answer.header!.revision);
  return view;
}

const add = (sum: number, { weight }: { readonly weight: number }): number => sum + weight;

/** @internal */
export async function inspectSemaphore(
  connection: EtcdConnection,
  requests: SemaphoreRequests,
): Promise<LeaseInspection> {
  const view = await viewOf(connection, requests);
  const places = [...view.places.values()];
  const held = places.filter(({ id }) => view.fences(id).length > 0);
  const waiting = places.filter(({ id }) => view.fences(id).length === 0);
  const leases = [...new Set(held.map(({ lease }) => lease))];
  const left = new Map<bigint, number>();
  for (const id of leases) {
    const { answer } = await connection.call(leaseTimeToLive, { id });
    left.set(id, Math.max(0, Number(answer.ttl) * 1000));
  }
  return {
    permits: view.permits?.permits ?? 0,
    version: view.permits?.version ?? 0,
    held: held.reduce(add, 0),
    queued: waiting.length,
    holders: held.map(({ id, owner, weight, since, granted = since, lease }) => {
      const fences = view.fences(id);
      return { id, owner, weight, fence: fences[0]!, fences, since: granted, expiresIn: left.get(lease)! };
    }),
    waiters: waiting.map(({ id, owner, weight, since }) => ({ id, owner, weight, since })),
  };
}

/** @internal */
export async function releasePlace(
  connection: EtcdConnection,
  requests: SemaphoreRequests,
  id: string,
): Promise<boolean> {
  const view = await viewOf(connection, requests);
  const slots = view.fences(id).map(({ slot }) => slot);
  if (!view.places.has(id) || slots.length === 0) return false;
  const { answer } = await connection.call(txn, requests.leave(id, slots));
  return answer.responses[0]?.deleteRange?.deleted === 1n;
}

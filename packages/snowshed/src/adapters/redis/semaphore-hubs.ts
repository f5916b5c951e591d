import type { RedisPort } from "./port.ts";
import { SemaphoreHub } from "./semaphore-hub.ts";
import type { SemaphorePlan } from "./semaphore-options.ts";

/** The hubs of a client, by what their semaphores have in common. */
const hubs = new WeakMap<RedisPort, Map<string, SemaphoreHub>>();

const keyOf = ({ key, lease, owner, commandTimeout, localHandover }: SemaphorePlan): string =>
  [key, lease, owner, commandTimeout, localHandover?.times, localHandover?.ms].join("\n");

/** The hub of a semaphore: one for all objects that mean the same. @internal */
export function hubOf(port: RedisPort, plan: SemaphorePlan): SemaphoreHub {
  const ofPort = hubs.get(port) ?? new Map<string, SemaphoreHub>();
  hubs.set(port, ofPort);
  const key = keyOf(plan);
  let hub = ofPort.get(key);
  if (hub === undefined || hub.clock !== plan.clock) {
    hub = new SemaphoreHub(port, plan);
    ofPort.set(key, hub);
  }
  hub.users++;
  if (plan.version > hub.version) hub.learn(plan.permits, plan.version);
  return hub;
}

/** The last one closes it. @internal */
export async function leaveHub(port: RedisPort, plan: SemaphorePlan, hub: SemaphoreHub): Promise<void> {
  if (--hub.users > 0) return;
  const ofPort = hubs.get(port);
  if (ofPort?.get(keyOf(plan)) === hub) ofPort.delete(keyOf(plan));
  await hub.close();
}

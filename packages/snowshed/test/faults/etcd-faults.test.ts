// The same as with Redis, on three members of etcd, one of which may be killed or stopped: three faults here; `npm run soak`
// has more than a hundred.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EtcdCluster } from "../support/etcd.ts";
import { startEtcd } from "../support/etcd.ts";
import { runEtcdFaults } from "./etcd-fault-run.ts";
import { violationsOf } from "./history.ts";

const rounds = Number(process.env["SOAK_ROUNDS"] ?? 3);

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await startEtcd({ members: 3 });
}, 300_000);
afterAll(() => cluster?.remove());

test(
  "what several processes do with one semaphore on etcd holds while things go wrong",
  { timeout: 60_000 + 15_000 * rounds },
  async () => {
    const { history, resource, faults, codes, left, mostHeld, log } = await runEtcdFaults(cluster, "jobs", rounds);
    const granted = history.requests.filter((request) => request.granted !== undefined);
    process.stdout.write(
      `etcd, ${rounds} faults (${[...faults].map(([kind, count]) => `${kind} ${count}`).join(", ")}): ${history.requests.length} requests, ` +
        `${granted.length} granted, refused: ${[...codes].map(([code, count]) => `${code} ${count}`).join(", ") || "none"}; ` +
        `late writes refused by their fence: ${resource.refused} of ${resource.refused + resource.accepted}\n`,
    );
    expect(violationsOf(history), log).toEqual([]);
    expect(mostHeld).toBe(history.permits);
    expect(left).toEqual({ held: 0, queued: 0 });
    // It was a test: all processes had their turn, also after what was done to them.
    expect(new Set(granted.map(({ worker }) => worker)).size).toBe(4);
    expect(granted.length).toBeGreaterThan(5 * rounds);
    // Nobody was refused for another reason than that etcd could not be reached, or not in time, or the lease was lost.
    expect([...codes.keys()].filter((code) => !expected.has(code))).toEqual([]);
  },
);

const expected = new Set([
  "SNOWSHED_BACKEND_UNAVAILABLE",
  "SNOWSHED_DEADLINE_EXCEEDED",
  "SNOWSHED_CANCELED",
  "SNOWSHED_LEASE_LOST",
  "over",
]);

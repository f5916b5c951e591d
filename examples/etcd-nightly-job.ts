// A job that one instance may do at a time, on two instances. The first is taken for dead while it is not, and the store
// refuses what it still writes. Here both are in one program; the etcd they share is started for it, and ends with it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SnowshedError } from "snowshed";
import type { Fence } from "snowshed/etcd";
import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const place = mkdtempSync(join(tmpdir(), "etcd-nightly-"));
const urls = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`] as const;
const args = ["--data-dir", place, "--listen-client-urls", urls[0], "--advertise-client-urls", urls[0]];
args.push("--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1]);
const etcd = spawn("etcd", [...args, "--name", "a", "--initial-cluster", `a=${urls[1]}`], { stdio: "ignore" });

/** Keeps the largest token it has seen of each slot, next to its data. */
class Store {
  readonly #latest = new Map<number, bigint>();

  write(text: string, { slot, token }: Fence): void {
    const isOld = token < (this.#latest.get(slot) ?? 0n);
    if (!isOld) this.#latest.set(slot, token);
    console.log(`${isOld ? "refused" : "written"}: ${text}`);
  }
}

const store = new Store();
const client = new EtcdClient({ endpoints: urls[0], timeout: "15s" });
const [first, second] = ["first", "second"].map(
  (owner) => new EtcdSemaphore(client, "nightly", { permits: 1, lease: "5s", owner }),
) as [EtcdSemaphore, EtcdSemaphore];

const permit = await first.permit(); // Waits until etcd is there.
store.write("a total, by the first", permit.fence);
console.log("the second one gets", await second.tryPermit());

const night = second.run((_, { fence }) => store.write("a total, by the second", fence));
for (const { id, owner } of (await second.inspect()).holders) {
  console.log(`taken from the ${owner}: ${await second.releaseHolder(id)}`);
}
await night;

store.write("a correction, by the first", permit.fence); // It has not looked.
const reason = await new Promise<unknown>((resolve) => permit.context.onAbort(() => resolve(permit.context.cause)));
if (reason instanceof SnowshedError) console.log(`the first one knows: ${reason.code}`);

await client.close();
await new Promise((resolve) => etcd.once("exit", resolve).kill());
rmSync(place, { recursive: true });

// Output:
// written: a total, by the first
// the second one gets undefined
// taken from the first: true
// written: a total, by the second
// refused: a correction, by the first
// the first one knows: SNOWSHED_LEASE_LOST

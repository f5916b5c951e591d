// Two processes send mails for the same tenants, each of which may send five an hour. Here both are in one program, with a
// client each; the Redis they share is started for it, and ends with it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { retryAfter } from "snowshed";
import { RedisQuota } from "snowshed/redis";

const place = mkdtempSync(join(tmpdir(), "redis-quota-"));
const path = join(place, "redis.sock");
const redis = spawn("redis-server", ["--port", "0", "--unixsocket", path, "--save", "", "--dir", place]);

const processes = ["one", "two"].map((name) => {
  const client = new Redis({ path, retryStrategy: () => 50 });
  client.on("error", () => {}); // Until the server is there, they try again.
  const mails = new RedisQuota(client, "mails", { limits: [{ requests: 5, per: "1h", burst: 5 }] });
  return { name, client, mails };
});
const [one, two] = processes as [(typeof processes)[0], (typeof processes)[0]];

let sent = 0;
async function send({ mails }: typeof one, tenant: string): Promise<void> {
  const permit = await mails.tryPermit(1, { key: tenant });
  if (permit !== undefined) sent++;
}

await Promise.all([one, two, one, two, one, two, one, two].map((sender) => send(sender, "tenant-7")));
console.log(`tenant-7: ${sent} of 8`);

sent = 0;
await send(two, "tenant-8");
console.log(`tenant-8: ${sent} of 1, whatever the other one did`);

await one.mails.permit(1, { key: "tenant-7", timeout: "1s" }).catch((error: unknown) => {
  console.log(`refused, again in ${Math.ceil(retryAfter(error)! / 60_000)} minutes`);
});

// The mail server refuses what process one sends for tenant-9. Both leave it alone for a minute.
const answer = new Response(null, { status: 429, headers: { "Retry-After": "60" } });
await one.mails.run(() => answer, { key: "tenant-9" });
let pause = 0;
while (pause === 0) pause = (await two.mails.inspect({ key: "tenant-9" })).pausedFor;
console.log(`process ${two.name} knows: a pause of ${Math.ceil(pause / 1000)} s`);

for (const { client } of processes) client.disconnect();
redis.on("close", () => rmSync(place, { recursive: true }));
redis.kill();

// Output:
// tenant-7: 5 of 8
// tenant-8: 1 of 1, whatever the other one did
// refused, again in 12 minutes
// process two knows: a pause of 60 s

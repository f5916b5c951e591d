// A consumer in a process of its own: every event is delivered to it more than once, and it tries until each is done.
import { appendFileSync } from "node:fs";
import process from "node:process";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { PostgresDeduplicationStore } from "snowshed/postgres";
import { RedisDeduplicationStore } from "snowshed/redis";

/**
 * @typedef {{ kind: "postgres" | "naive" | "redis", connection: object, url?: string, file?: string, name: string, keys: string[], at: number, hold?: string, seed: number }} Plan
 */

/**
 * `kind`: of the store; `naive` marks after the effect, in another transaction. `events`: delivered in another order by
 * each process; `hold`: of this one the effect is written, and then nothing happens for ever.
 */
const plan = /** @type {Plan} */ (JSON.parse(process.argv[2] ?? ""));
const pool = new Pool({ ...plan.connection, max: 4 });
pool.on("error", () => {});
const redis = plan.url === undefined ? undefined : new Redis(plan.url);

/** The store that many programs have: look, work, mark. */
const naive = {
  /** @param {{ key: string }} event @param {(transaction: Pool) => Promise<unknown>} effect */
  async apply({ key }, effect) {
    const { rowCount } = await pool.query("select from naive where key = $1", [key]);
    if (rowCount === 1) return { status: "duplicate" };
    await effect(pool);
    await pool.query("insert into naive values ($1) on conflict do nothing", [key]);
    return { status: "applied" };
  },
};
const options = { maintainEvery: Number.POSITIVE_INFINITY, commandTimeout: 2000 };
/** @type {{ apply(event: object, effect: (transaction: any) => Promise<unknown>): Promise<{ status: string }> }} */
const store =
  plan.kind === "postgres"
    ? new PostgresDeduplicationStore(pool, plan.name, options)
    : redis !== undefined
      ? new RedisDeduplicationStore(redis, plan.name, { lease: "1s" })
      : naive;

/** @param {string} key */
function write(key) {
  return async (/** @type {Pool | undefined} */ transaction) => {
    if (plan.file === undefined) await transaction?.query("insert into effects values ($1)", [key]);
    else appendFileSync(plan.file, `${key}\n`);
    if (key !== plan.hold) return;
    process.send?.({ kind: "written", key });
    await new Promise(() => {});
  };
}

const counts = { applied: 0, duplicate: 0, failed: 0 };
/** @param {string} key */
async function deliver(key) {
  for (;;) {
    try {
      const { status } = await store.apply({ key, at: plan.at }, write(key));
      counts[/** @type {"applied" | "duplicate"} */ (status)]++;
      return;
    } catch {
      counts.failed++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const deliveries = [...plan.keys, ...plan.keys];
for (let index = deliveries.length - 1; index > 0; index--) {
  const other = (index * 7919 + plan.seed * 104_729) % (index + 1);
  [deliveries[index], deliveries[other]] = [deliveries[other] ?? "", deliveries[index] ?? ""];
}
await Promise.all(
  [0, 1, 2, 3].map(async () => {
    for (let next = deliveries.pop(); next !== undefined; next = deliveries.pop()) await deliver(next);
  }),
);
await pool.end();
redis?.disconnect();
process.send?.({ kind: "done", counts });
process.disconnect();

// Nested groups: an import runs one group per tenant inside the group of the whole job. A transient error is logged and
// costs one record; a fatal one cancels its tenant, and through it the whole job.
import { Context, Group } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();

class SchemaError extends Error {}
const isFatal = (error: unknown): boolean => error instanceof SchemaError;

async function importRecord(context: Context, tenant: string, record: number): Promise<void> {
  await context.sleep(record * 10);
  if (tenant === "acme" && record === 2) throw new Error("acme/2: connection reset");
  if (tenant === "globex" && record === 3) throw new SchemaError("globex/3: column is gone");
  console.log(`${tenant}/${record} imported`);
}

async function importTenant(job: Group, tenant: string, records: readonly number[]): Promise<void> {
  // A child takes no place among the concurrency of its parent, and is canceled with it.
  const group = job.child({ name: tenant, concurrency: 2, failFast: isFatal });
  for (const record of records) {
    group.go((context) => importRecord(context, tenant, record), { name: `${tenant}/${record}` });
  }
  try {
    await group.wait();
  } catch (error) {
    // Collected errors come as one AggregateError when the group has run to its end; a fatal one comes as it is.
    if (!(error instanceof AggregateError)) throw error;
    for (const each of error.errors) console.log(`transient, skipped: ${(each as Error).message}`);
  }
}

const job = new Group({ signal: Context.root({ clock }), name: "import" });
job.go(() => importTenant(job, "acme", [1, 2]));
job.go(() => importTenant(job, "globex", [1, 3]));
const slow = job.go(() => importTenant(job, "initech", [9]), { name: "initech" });

const outcome = job.wait().catch((error: unknown) => console.log(`job failed: ${(error as Error).message}`));
await clock.advance("1s");
await outcome;
await slow.then(
  () => console.log("initech: ended"),
  (error: unknown) => console.log(`initech: ${String(error)}`),
);

// Output:
// acme/1 imported
// globex/1 imported
// transient, skipped: acme/2: connection reset
// job failed: globex/3: column is gone
// initech: AbortError: the operation was canceled

// Resizing under load: a search backend takes eight queries at a time, three while it reindexes. Queries in flight keep
// their permits. Replacing the semaphore instead would lose count of them: the old limit and the new would add up.
import { Context, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();
const context = Context.root({ clock });
const backend = new Semaphore(8, { name: "search" });
let inFlight = 0;

async function query(): Promise<void> {
  inFlight++;
  await context.sleep("100ms"); // Every query takes 100 ms.
  inFlight--;
}

/** Sends its next query as soon as the last one is answered, until 350 ms are over. */
async function client(): Promise<void> {
  while (clock.now() < 350) await backend.run(query);
}

function show(what: string): void {
  const { permits, available, pending } = backend;
  console.log(`${clock.now()} ms, ${what}: ${inFlight} of ${permits} in flight, ${available} free, ${pending} waiting`);
}

const clients = Array.from({ length: 10 }, client);
show("started");
await clock.advance("50ms");
backend.resize(3);
show("shrunk");
await clock.advance("100ms");
show("drained");
await clock.advance("100ms");
backend.resize(8);
await clock.advance("0ms");
show("grown");
await clock.advance("1s");
await Promise.all(clients);
show("done");

// Output:
// 0 ms, started: 8 of 8 in flight, 0 free, 2 waiting
// 50 ms, shrunk: 8 of 3 in flight, 0 free, 2 waiting
// 150 ms, drained: 3 of 3 in flight, 0 free, 7 waiting
// 250 ms, grown: 8 of 8 in flight, 0 free, 2 waiting
// 1250 ms, done: 0 of 8 in flight, 8 free, 0 waiting

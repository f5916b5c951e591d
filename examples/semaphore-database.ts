// Throttling a database: a pool of four connections, shared by short queries (one each) and a nightly report (three).
// Waiters are served in the order they came, so the report is not overtaken for ever, and nobody waits over three seconds.
import type { Duration } from "snowshed";
import { Context, DeadlineExceededError, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();
const service = Context.root({ clock });
const connections = new Semaphore(4, { name: "database" });
const at = (text: string): void => console.log(`${clock.now()} ms ${text}`);

async function query(name: string, weight: number, takes: Duration): Promise<void> {
  try {
    // Given back at the end of the block, however it is left. Waiting longer than the timeout is an error here.
    using permit = await connections.permit(weight, { signal: service, timeout: "3s" });
    at(`${name} runs on ${permit.weight}`);
    await service.sleep(takes);
  } catch (error) {
    if (!(error instanceof DeadlineExceededError)) throw error;
    at(`${name} gave up: ${error.message}`);
  }
}

const queries = [
  query("login", 1, "1s"),
  query("search", 1, "2s"),
  query("report", 3, "5s"), // Two connections are free: it waits for a third.
  query("profile", 1, "2s"), // One would do, and two are free; but it came after the report.
  query("export", 1, "1s"),
];
// Shedding instead of waiting: there is room, but others came before.
at(`health check ${connections.tryAcquire() ? "runs" : "skipped"}`);

await clock.advance("10s");
await Promise.all(queries);
at(`${connections.available} of ${connections.permits} free`);

// Output:
// 0 ms health check skipped
// 0 ms login runs on 1
// 0 ms search runs on 1
// 1000 ms report runs on 3
// 2000 ms profile runs on 1
// 3000 ms export gave up: waited 3000 ms for 1 of the 4 permits of "database"
// 10000 ms 4 of 4 free

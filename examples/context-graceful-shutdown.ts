// Graceful shutdown. Every request runs under the context of the server. On SIGTERM nothing new is accepted, what runs
// has five seconds to finish, and the rest is canceled; what a request leaves behind is written in any case.
import type { Duration } from "snowshed";
import { Context, contextKey, Group } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock(); // A service leaves the clock out: the system's is the default.
const root = Context.root({ clock });
const server = root.withCancel();
const requests = new Group({ signal: server, failFast: false, name: "requests" });
const path = contextKey<string>("path");
let accepting = true;

function log(context: Context, text: string): void {
  console.log(`${clock.now()} ms ${context.value(path)}: ${text}`);
}

/** Stands for the handler: it takes as long as its slowest query. */
async function handle(context: Context, query: Duration): Promise<void> {
  using deadline = context.withTimeout("30s", "request deadline");
  try {
    await deadline.sleep(query);
    log(context, "200");
  } catch {
    log(context, `503, ${String(deadline.cause)}`);
  } finally {
    // Under the context of the request this write would be refused at once.
    await context.withoutCancel().sleep("10ms");
    log(context, "audit record written");
  }
}

function accept(url: string, query: Duration): void {
  if (!accepting) return console.log(`${clock.now()} ms ${url}: refused`);
  requests.go((context) => handle(context.withValue(path, url), query), { name: url });
}

async function shutDown(): Promise<void> {
  accepting = false;
  using grace = root.withTimeout("5s");
  try {
    await requests.wait({ signal: grace }); // The signal frees this waiter; it cancels nothing.
  } catch {
    server.cancel("the server is stopping");
    await requests.wait();
  }
  console.log(`${clock.now()} ms stopped, ${requests.running} requests running`);
}

accept("/cart", "2s");
accept("/report", "20s");
await clock.advance("1s");
const stopped = shutDown(); // process.once("SIGTERM", shutDown)
accept("/late", "1s");
await clock.advance("10s");
await stopped;

// Output:
// 1000 ms /late: refused
// 2000 ms /cart: 200
// 2010 ms /cart: audit record written
// 6000 ms /report: 503, the server is stopping
// 6010 ms /report: audit record written
// 6010 ms stopped, 0 requests running

// A database that answers 200 queries a second gets 500, for two seconds. Callers give up after 100 ms. Without a limiter
// everybody queues, and nearly all answers come too late for anybody; with one the excess is refused at once, the least
// important first, and what is let in is answered in time. One second later it is as if nothing had been.
import type { Priority } from "snowshed";
import { Context, DeadlineExceededError, fixed, Limiter, Prioritizer, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";

type Query = () => Promise<void>;
type Guard = (query: Query, caller: Context, priority: Priority) => Promise<void>;

async function load(name: string, clock: FakeClock, guard: Guard): Promise<void> {
  const service = Context.root({ clock });
  const connections = new Semaphore(4);
  // Its caller may have gone: the query is sent all the same, as most drivers do.
  const query: Query = () => connections.run(() => service.sleep(20));
  const counts = { checkout: 0, search: 0, late: 0, refused: 0 };

  async function request(kind: "checkout" | "search", priority: Priority): Promise<void> {
    const caller = service.withTimeout(100);
    try {
      await guard(query, caller, priority);
      caller.throwIfAborted();
      counts[kind]++;
    } catch (error) {
      if (error instanceof DeadlineExceededError) counts.late++;
      else counts.refused++;
    }
  }

  const requests: Promise<void>[] = [];
  const phase = async (title: string, milliseconds: number, every: number): Promise<void> => {
    for (let at = 0; at < milliseconds; at += every) {
      const checkout = requests.length % 5 === 0;
      requests.push(request(checkout ? "checkout" : "search", checkout ? "critical" : "normal"));
      await clock.advance(every);
    }
    console.log(name, title, counts);
    Object.assign(counts, { checkout: 0, search: 0, late: 0, refused: 0 });
  };
  await phase("overload", 2000, 2);
  await phase("calm", 1000, 10);
  await phase("calm", 1000, 10);
  await clock.advance("1m");
  await Promise.all(requests);
}

const bare = new FakeClock();
await load("nothing", bare, (query) => query());

const clock = new FakeClock();
// In front of a pool of known size the limit is known, too. Otherwise leave `algorithm` out: it is found by measuring.
const limiter = new Limiter({
  algorithm: fixed(4),
  maxQueue: "limit",
  queue: { target: 20 },
  prioritizer: new Prioritizer({ clock }),
  clock,
});
await load("limiter", clock, (query, caller, priority) => limiter.run(query, { signal: caller, priority }));

// Output:
// nothing overload { checkout: 6, search: 22, late: 369, refused: 0 }
// nothing calm { checkout: 0, search: 0, late: 200, refused: 0 }
// nothing calm { checkout: 0, search: 0, late: 200, refused: 0 }
// limiter overload { checkout: 198, search: 199, late: 0, refused: 596 }
// limiter calm { checkout: 22, search: 46, late: 0, refused: 39 }
// limiter calm { checkout: 20, search: 78, late: 0, refused: 1 }

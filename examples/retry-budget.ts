// Retries with and without a budget: a service is down for ten seconds, and a thousand callers want something of it. Three
// attempts each are three times the load, just when it has to come back; a shared budget lets a tenth through.
import { Context, retry, RetryBudget, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";

async function outage(withBudget: boolean): Promise<void> {
  const clock = new FakeClock();
  const service = Context.root({ clock });
  const budget = withBudget ? new RetryBudget({ clock }) : undefined;
  const gaveUp: Record<string, number> = {};
  let requests = 0;
  let whileDown = 0;

  async function request(): Promise<string> {
    requests++;
    if (clock.now() >= 10_000) return "answer";
    whileDown++;
    throw new TransientError("connection refused");
  }

  const calls: Promise<string | undefined>[] = [];
  for (let caller = 0; caller < 1000; caller++) {
    const call = retry(request, {
      signal: service, // In a service the context of the request, with its deadline
      budget, // One for each service that is called, shared by all its callers
      backoff: { initial: "50ms", maximum: "2s" },
      onGiveUp: ({ reason }) => (gaveUp[reason] = (gaveUp[reason] ?? 0) + 1),
    });
    calls.push(call.catch(() => undefined));
    await clock.advance("12ms");
  }
  await clock.advance("1m");
  const answers = (await Promise.all(calls)).filter((answer) => answer !== undefined);
  console.log(withBudget ? "with a budget" : "without a budget");
  console.log(`  ${whileDown} requests while it was down, ${requests} in all, ${answers.length} answered`);
  console.log("  given up:", gaveUp);
}

await outage(false);
await outage(true);

// Output:
// without a budget
//   2495 requests while it was down, 2667 in all, 172 answered
//   given up: { attempts: 828 }
// with a budget
//   927 requests while it was down, 1093 in all, 166 answered
//   given up: { attempts: 3, budget: 831 }

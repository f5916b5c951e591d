// A service goes down for half a minute and comes back. The pipeline retries while that may help, stops asking when it does
// not, answers with the last good price meanwhile, and finds out by itself when the service is well again.
import { Context, pipeline, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();
const root = Context.root({ clock });
let asked = 0;

async function askPrice(context: Context): Promise<string> {
  asked++;
  await context.sleep("20ms");
  const seconds = clock.now() / 1000;
  if (seconds > 5 && seconds < 35) throw new TransientError("connection refused");
  return `price at ${seconds.toFixed(0)} s`;
}

const prices = pipeline<string>({
  fallback: { value: (_error, last) => `${last?.value ?? "no price"}, stale`, maxAge: "1h" },
  deadline: "8s",
  retry: { attempts: 2, backoff: { initial: "100ms", jitter: "none" } },
  breaker: { consecutiveFailures: 4, openFor: "5s" },
  timeout: "1s",
  clock,
});

let shown = "";
for (let second = 0; second < 60; second++) {
  const price = prices.run(askPrice, { signal: root });
  await clock.advance("1s");
  const kind = (await price).endsWith("stale") ? "stale" : "fresh";
  const line = `breaker ${prices.breaker?.state}, answers ${kind}`;
  if (line !== shown) console.log(`${second} s: ${line}`);
  shown = line;
}
console.log(`${asked} requests for 60 answers`);

// Output:
// 0 s: breaker closed, answers fresh
// 5 s: breaker closed, answers stale
// 6 s: breaker open, answers stale
// 11 s: breaker half-open, answers stale
// 12 s: breaker open, answers stale
// 22 s: breaker half-open, answers stale
// 23 s: breaker open, answers stale
// 39 s: breaker half-open, answers stale
// 40 s: breaker half-open, answers fresh
// 49 s: breaker closed, answers fresh
// 31 requests for 60 answers

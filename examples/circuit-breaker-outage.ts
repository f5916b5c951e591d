// A payment service goes down for twelve seconds. Its callers learn it at once, one of them looks from time to time
// whether it is back, and when it is they come back by twos and fours, not all together.
import { CircuitBreaker, Context, SnowshedError, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();
const context = Context.root({ clock });
let reached = 0;

const payments = new CircuitBreaker({
  name: "payments",
  clock,
  onStateChange: ({ from, to, reason }) => console.log(`${seconds()}: ${from} -> ${to} (${reason})`),
});

function seconds(): string {
  return `${(clock.now() / 1000).toFixed(1)} s`;
}

/** Every call takes 100 ms, and is reset from second 3 to second 15. */
async function charge(): Promise<string> {
  reached++;
  await context.sleep("100ms");
  if (clock.now() > 3_000 && clock.now() < 15_000) throw new TransientError("connection reset");
  return "charged";
}

const outcomes = { charged: 0, failed: 0, refused: 0 };

async function checkout(): Promise<void> {
  try {
    await payments.run(charge, { signal: context });
    outcomes.charged++;
  } catch (error) {
    const refused = error instanceof SnowshedError && error.code === "SNOWSHED_CIRCUIT_OPEN";
    outcomes[refused ? "refused" : "failed"]++;
  }
}

// Fifty customers a second, for half a minute.
for (let tick = 0; tick < 1500; tick++) {
  void checkout();
  await clock.advance("20ms");
}
await clock.advance("1s");
console.log(`${seconds()}: ${payments.state}`, outcomes, `${reached} calls reached the service`);

// Output:
// 3.4 s: closed -> open (consecutive failures)
// 8.4 s: open -> half-open (open time over)
// 8.5 s: half-open -> open (probe failed)
// 19.0 s: open -> half-open (open time over)
// 19.5 s: half-open -> closed (probes succeeded)
// 31.0 s: closed { charged: 687, failed: 25, refused: 788 } 712 calls reached the service

// A timeout and a fallback: the exchange rate when it comes in time, the last good one while it is not too old, and then
// the plain truth that there is none.
import type { LastValue } from "snowshed";
import { Context, Fallback, timeout } from "snowshed";
import { FakeClock } from "snowshed/testing";

interface Rate {
  readonly value: number | undefined;
  /** Shown to the user: a stand-in must not pass for an answer. */
  readonly note: string;
}

const clock = new FakeClock();
const service = Context.root({ clock });
let latency = 50;

/** Stands for a request. It ignores its context, as some clients do; timeout() gives up on it all the same. */
async function fetchRate(): Promise<Rate> {
  await service.sleep(latency);
  return { value: 1.08, note: "current" };
}

const rates = new Fallback<Rate>({
  value(_error: unknown, last: LastValue<Rate> | undefined): Rate {
    if (last === undefined) return { value: undefined, note: "not known" };
    return { value: last.value.value, note: `${Math.round(last.age / 1000)} s old` };
  },
  maxAge: "1m",
});

async function show(label: string): Promise<void> {
  const rate = rates.run((context) => timeout(fetchRate, "300ms", { signal: context }), { signal: service });
  await clock.advance("10s");
  const { value, note } = await rate;
  console.log(`${label}: ${value} (${note})`);
}

await show("all is well");
latency = 5000;
await show("the service is slow");
await show("still");
await clock.advance("1m");
await show("a minute later");
latency = 50;
await show("all is well again");

// Output:
// all is well: 1.08 (current)
// the service is slow: 1.08 (10 s old)
// still: 1.08 (20 s old)
// a minute later: undefined (not known)
// all is well again: 1.08 (current)

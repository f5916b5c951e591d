// A writer that sends its events in batches: when three are together, one second after the first of them, or when the
// input ends. select() waits for whichever comes first; the timer's case is switched off while nothing waits for it.
import { Channel, Context, receive, select } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();
const context = Context.root({ clock });

/** A channel that is closed after `ms`: the form in which a timer takes part in a select. */
function after(ms: number): { readonly elapsed: Channel<never>; stop(): void } {
  const elapsed = new Channel<never>();
  const stop = clock.setTimeout(() => elapsed.close(), ms);
  return { elapsed, stop };
}

async function writeBatches(events: Channel<string>): Promise<void> {
  let batch: string[] = [];
  let timer: ReturnType<typeof after> | undefined;
  const flush = (why: string): void => {
    timer?.stop();
    timer = undefined;
    if (batch.length > 0) console.log(`${clock.now()} ms: ${batch.join(" ")} (${why})`);
    batch = [];
  };
  while (true) {
    const chosen = await select([receive(events), timer && receive(timer.elapsed)], { signal: context });
    if (chosen.index !== 0) flush("one second");
    else if (chosen.done) return flush("the end");
    else {
      batch.push(chosen.value);
      if (batch.length === 3) flush("three");
      else timer ??= after(1000);
    }
  }
}

const events = new Channel<string>(10);
const writer = writeBatches(events);
for (const event of ["a", "b", "c", "d"]) await events.send(event);
await clock.advance("1500ms");
await events.send("e");
await clock.advance("200ms");
await events.send("f");
events.close();
await writer;
console.log(`timers left: ${clock.pending}`);

// Output:
// 0 ms: a b c (three)
// 1000 ms: d (one second)
// 1700 ms: e f (the end)
// timers left: 0

// A worker pool with back-pressure: the producer can be at most two jobs ahead of three workers. When they are busy and
// the buffer is full, send() waits, and the producer reads no more from its own source.
import { Channel, Context, WaitGroup } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock();
const context = Context.root({ clock });
const jobs = new Channel<number>(2, { name: "jobs" });
const workers = new WaitGroup({ name: "workers" });
const doneBy = new Map<string, number[]>();
let ahead = 0;

for (const name of ["w1", "w2", "w3"]) {
  const mine: number[] = [];
  doneBy.set(name, mine);
  workers.go(async () => {
    for await (const job of jobs) {
      await context.sleep("100ms");
      mine.push(job);
    }
  });
}

workers.go(async () => {
  for (let job = 1; job <= 9; job++) {
    const waiting = !jobs.trySend(job);
    if (waiting) await jobs.send(job);
    ahead = Math.max(ahead, jobs.size);
    if (waiting) console.log(`${clock.now()} ms: job ${job} had to wait`);
  }
  jobs.close(); // The workers take what is left, then their loops end.
});

const ended = workers.wait();
await clock.advance("1s");
await ended;
for (const [name, mine] of doneBy) console.log(`${name}: ${mine.join(", ")}`);
console.log(`at most ${ahead} jobs in the buffer`);

// Output:
// 100 ms: job 6 had to wait
// 100 ms: job 7 had to wait
// 100 ms: job 8 had to wait
// 200 ms: job 9 had to wait
// w1: 1, 4, 7
// w2: 2, 5, 8
// w3: 3, 6, 9
// at most 2 jobs in the buffer

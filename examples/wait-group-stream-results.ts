// Results as a stream, and an end that is certain: the wait group knows when the last task is over, the channel carries
// what they found, and closing it ends the consumer's loop. A failed task still counts down.
import { Channel, Context, WaitGroup } from "snowshed";
import { FakeClock } from "snowshed/testing";

const clock = new FakeClock(); // Stands for the network: answers come after 30, 10 and 20 ms.
const context = Context.root({ clock });

const mirrors = [
  { host: "mirror-a", delay: 30 },
  { host: "mirror-b", delay: 10 },
  { host: "mirror-c", delay: 20 },
  { host: "mirror-d", delay: 5 },
];

async function probe(host: string, delay: number): Promise<string> {
  await context.sleep(delay);
  if (host === "mirror-d") throw new Error(`${host}: connection refused`);
  return `${host} answered after ${delay} ms`;
}

const results = new Channel<string>(2); // At most two results wait; then the tasks wait for the consumer.
const probes = new WaitGroup();
for (const { host, delay } of mirrors) {
  // go() counts before it starts the task: the order that add() and done() by hand get wrong.
  probes.go(async () => results.send(await probe(host, delay)));
}
console.log(`${probes.count} probes running`);

// wait() rejects with what failed, after all have ended; the channel is closed in either case.
const ended = probes.wait().finally(() => results.close());
const reported = ended.catch((error: unknown) => console.log(`failed: ${String(error)}`));

const time = clock.advance("1s");
for await (const result of results) console.log(result);
await Promise.all([reported, time]);
console.log(`${probes.count} probes running`);

// Output:
// 4 probes running
// mirror-b answered after 10 ms
// mirror-c answered after 20 ms
// mirror-a answered after 30 ms
// failed: Error: mirror-d: connection refused
// 0 probes running

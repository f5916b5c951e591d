// The producer of the experiment: retries on, idempotence off, through a proxy that loses answers.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Producer } from "@platformatic/kafka";

/** Writes `events` messages "0", "1", …; for a share `lossy` of the batches the broker's answer is lost. */
export async function produce({ bootstrap, topic, events, batchSize, lossy, proxy }) {
  const client = new Producer({
    clientId: "producer",
    bootstrapBrokers: bootstrap,
    idempotent: false,
    acks: -1,
    retries: 10,
    retryDelay: 50,
    timeout: 1000,
    connectTimeout: 500,
  });
  const traceId = randomBytes(16).toString("hex");
  const start = Date.now();
  let lost = 0;
  for (let first = 0; first < events; first += batchSize) {
    const messages = Array.from({ length: Math.min(batchSize, events - first) }, (_, index) => {
      const number = first + index;
      // Minted once, here, and the same in each retry: trace, type and time, in microseconds.
      const at = new Date(start + Math.floor(number / 1000)).toISOString();
      const timestamp = `${at.slice(0, -1)}${String(number % 1000).padStart(3, "0")}Z`;
      const headers = new Map(
        Object.entries({ trace_id: traceId, event_type: "counted", event_timestamp: timestamp }).map(([name, text]) => [
          Buffer.from(name),
          Buffer.from(text),
        ]),
      );
      return { topic, key: Buffer.from(`key-${number % 997}`), value: Buffer.from(String(number)), headers };
    });
    // Evenly, so that a small run has its share.
    const isLossy = Math.floor(((first + batchSize) / batchSize) * lossy) > Math.floor((first / batchSize) * lossy);
    for (let attempt = 0; ; attempt++) {
      if (isLossy && attempt === 0) {
        lost++;
        proxy.drop("down");
        void sleep(300).then(() => proxy.restore());
      }
      try {
        await client.send({ acks: -1, messages });
        break;
      } catch (error) {
        // What an application does that wants no event lost.
        if (attempt > 50) throw error;
        await sleep(100);
      }
    }
  }
  await client.close(true);
  return lost;
}

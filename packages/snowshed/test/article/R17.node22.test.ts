// Chapter 5: the producer is idempotent, and the consumer has a table that is unique on trace_id + event_type + timestamp.
// The article's table and its key, in a store of memory: what it comes to with a database and faults is measured elsewhere.
import type { ConsumedMessage } from "snowshed/kafka";
import { deduplicated, eventFields } from "snowshed/kafka";
import { describe, expect, test } from "vitest";
import { text, until, useKafka } from "../support/kafka-workbench.ts";
import { MemoryStore } from "../support/memory-store.ts";

const { topicOf, producerOf, runnerOf } = useKafka();

describe("R17: each event once", () => {
  test("written twice and read twice, it has one effect: by the three fields that were minted with it", async () => {
    const topic = await topicOf(1);
    const producer = await producerOf();
    const store = new MemoryStore();
    const seen: ConsumedMessage[] = [];
    const handler = deduplicated((message, effects: string[]) => void effects.push(text(message)), { store });
    const { runner } = await runnerOf({
      topics: [topic],
      handler: (message, context) => {
        seen.push(message);
        return handler(message, context);
      },
    });
    const paid = producer.mint({ topic, type: "order.paid", key: "17", value: "5", traceId: "trace-1" });
    await producer.send(paid);
    await producer.send(paid);
    // The control: the same values, minted anew, are another event, as a timestamp taken at each send would make them.
    await producer.send(producer.mint({ topic, type: "order.paid", key: "17", value: "5", traceId: "trace-1" }));
    await until(() => runner.inspect().counts.handled === 3, "all three came");
    expect(store.effects).toEqual(["5", "5"]);
    expect(runner.inspect().counts.duplicates).toBe(1);
    const [first, second, third] = seen.map(eventFields);
    expect(first).toEqual({ traceId: "trace-1", eventType: "order.paid", timestamp: first?.timestamp });
    expect(second).toEqual(first);
    expect(third?.timestamp).not.toBe(first?.timestamp);
  }, 60_000);

  test("of two lines of one order in one trace and one millisecond, none is taken for the other", async () => {
    const topic = await topicOf(1);
    const producer = await producerOf();
    const store = new MemoryStore();
    const handler = deduplicated((message, effects: string[]) => void effects.push(text(message)), { store });
    const { runner } = await runnerOf({ topics: [topic], handler });
    const lines = ["1", "2", "3"].map((value) =>
      producer.mint({ topic, type: "order.line", key: "17", value, traceId: "trace-1" }),
    );
    await producer.send(lines);
    await until(() => runner.inspect().counts.handled === 3, "all three came");
    expect(store.effects).toEqual(["1", "2", "3"]);
  }, 60_000);
});

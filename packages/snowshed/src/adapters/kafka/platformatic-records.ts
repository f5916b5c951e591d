import type { PlatformaticFetchResponse } from "./kafka-like.ts";
import type { ConsumedMessage, TopicPartition } from "./message.ts";

type Batches = NonNullable<PlatformaticFetchResponse["responses"][number]["partitions"][number]["records"]>;

/** Bits of a batch's attributes in the protocol: its time is the broker's; it is a mark of a transaction. */
const isLogAppendTime = 1 << 3;
const isControl = 1 << 5;

const nothing = Buffer.alloc(0);

/** Where to fetch next: behind the last record, also behind those that are not for the application. @internal */
export function nextOffset(batches: Batches | null | undefined): bigint | undefined {
  const last = batches?.at(-1);
  return last === undefined ? undefined : last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
}

/** Those from `offset` on: a batch comes whole, also when only its end was asked for. @internal */
export function messagesOf(
  { topic, partition }: TopicPartition,
  batches: Batches,
  offset: bigint,
): readonly ConsumedMessage[] {
  const messages: ConsumedMessage[] = [];
  for (const batch of batches) {
    if ((batch.attributes & isControl) !== 0) continue;
    for (const record of batch.records) {
      const own = batch.firstOffset + BigInt(record.offsetDelta);
      if (own < offset) continue;
      const isBrokers = (batch.attributes & isLogAppendTime) !== 0;
      const timestamp = Number(isBrokers ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta);
      const headers = new Map<string, Buffer>();
      for (const [name, value] of record.headers) headers.set((name ?? nothing).toString(), value ?? nothing);
      messages.push({ topic, partition, offset: own, key: record.key, value: record.value, headers, timestamp });
    }
  }
  return messages;
}

import type { PlatformaticFetchResponse } from "./kafka-like.ts";
import type { ConsumedMessage, TopicPartition } from "./message.ts";

type Fetched = PlatformaticFetchResponse["responses"][number]["partitions"][number];
type Batches = NonNullable<Fetched["records"]>;

/** Bits of a batch's attributes in the protocol: its time is the broker's; it is of a transaction; it is the end of one. */
const isLogAppendTime = 1 << 3;
const isTransactional = 1 << 4;
const isControl = 1 << 5;
/** In the key of the record that ends a transaction, behind its version. */
const abort = 0;

const nothing = Buffer.alloc(0);

/** Where to fetch next: behind the last record, also behind those that are not for the application. @internal */
export function nextOffset(batches: Batches | null | undefined): bigint | undefined {
  const last = batches?.at(-1);
  return last === undefined ? undefined : last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
}

/**
 * Those from `offset` on: a batch comes whole, also when only its end was asked for. Without those of transactions that were
 * aborted; the client leaves out only the last one of each producer, and that only if its end came with it.
 *
 * @internal
 */
export function messagesOf(
  { topic, partition }: TopicPartition,
  { records, abortedTransactions }: Fetched,
  offset: bigint,
): readonly ConsumedMessage[] {
  const messages: ConsumedMessage[] = [];
  for (const batch of committed(records ?? [], abortedTransactions ?? [])) {
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

/** `aborted` says where transactions begin that were aborted; each ends with the next mark of its producer. */
function* committed(
  batches: Batches,
  aborted: NonNullable<Fetched["abortedTransactions"]>,
): Generator<Batches[number], void> {
  const waiting = aborted.toSorted((one, other) => (one.firstOffset < other.firstOffset ? -1 : 1));
  const open = new Set<bigint>();
  for (const batch of batches) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (waiting[0] !== undefined && waiting[0].firstOffset <= last) open.add(waiting.shift()!.producerId);
    if ((batch.attributes & isControl) !== 0) {
      if (batch.records[0]?.key?.readInt16BE(2) === abort) open.delete(batch.producerId);
    } else if ((batch.attributes & isTransactional) === 0 || !open.has(batch.producerId)) yield batch;
  }
}

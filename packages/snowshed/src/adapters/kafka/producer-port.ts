import { invalidArgument } from "../../errors.ts";
import type { MintedEvent } from "../../delivery/event.ts";
import type {
  KafkaJsProducerLike,
  KafkaProducerLike,
  PlatformaticMessage,
  PlatformaticProducerLike,
} from "./kafka-like.ts";
import { PartitionGuard } from "./partition-guard.ts";

/** What the clients have in common, as the producer needs it: resolves when all replicas in sync have all of them. @internal */
export type ProducerPort = (messages: readonly MintedEvent[]) => Promise<unknown>;

const allReplicas = -1;

/** A broker takes a megabyte of a partition at once (`max.message.bytes`), and the clients send what they are given as one. */
const mostBytes = 512 * 1024;

/** Refuses a client whose settings lose or double messages, as far as it shows them. @internal */
export function producerPort(client: KafkaProducerLike): ProducerPort {
  if (typeof client !== "object" || client === null) throw refusal(client);
  if ("sendBatch" in client && typeof client.sendBatch === "function") return kafkaJsPort(client);
  if ("send" in client && typeof client.send === "function") return platformaticPort(client);
  throw refusal(client);
}

function refusal(client: unknown): Error {
  return invalidArgument(TypeError, "client", "a producer of @platformatic/kafka or kafkajs", client);
}

/** The settings that `new Producer()` was given. It has no other way to tell them. */
function optionsOf(client: object): Readonly<Record<string, unknown>> {
  const symbol = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === "plt.kafka.base.options",
  );
  const options = symbol === undefined ? undefined : (client as Record<symbol, unknown>)[symbol];
  return typeof options === "object" && options !== null ? (options as Readonly<Record<string, unknown>>) : {};
}

function platformaticPort(client: PlatformaticProducerLike): ProducerPort {
  const { idempotent, acks, retries, serializers, registry } = optionsOf(client);
  // Said for each call, too; but only when it is made does the client raise its retries.
  if (idempotent === false)
    throw invalidArgument(RangeError, "client", "made with idempotent: true", "idempotent: false");
  if (acks !== undefined && acks !== allReplicas) {
    throw invalidArgument(RangeError, "client", "made with acks: -1 (all)", acks);
  }
  if (retries === 0 || retries === false) {
    throw invalidArgument(RangeError, "client", "made with retries", retries);
  }
  for (const [name, value] of Object.entries({ serializers, registry })) {
    if (value !== undefined) throw invalidArgument(TypeError, "client", `made without ${name}`, name);
  }
  const guard = PartitionGuard.of(client);
  return async (events) => {
    const messages = events.map(platformaticMessage);
    // An idempotent client asks for ever for a topic that is not there, and all others would wait behind it.
    const { topics } = await client.metadata({ topics: [...new Set(events.map(({ topic }) => topic))], retries: 5 });
    // One call for each partition. The client sends all of a call that had one leader to one leader for ever, also when a
    // failover has given their partitions to several: each of those refuses the others' messages, until the end of time.
    const byPartition = new Map<string, PlatformaticMessage[]>();
    for (const message of messages) {
      const [chosen = 0] = client.getSendTopicPartitions({ messages: [message] }).get(message.topic) ?? [];
      message.partition = chosen % (topics.get(message.topic)?.partitionsCount ?? 1);
      const place = `${message.topic}/${message.partition}`;
      const own = byPartition.get(place);
      if (own === undefined) byPartition.set(place, [message]);
      else own.push(message);
    }
    const sends = [...byPartition.values()].map(async (own) => {
      const { topic, partition = 0 } = own[0]!;
      for (const part of parts(own)) {
        const send = () => client.send({ idempotent: true, acks: allReplicas, messages: part });
        await guard.during({ topic, partition }, send);
      }
    });
    const failed = (await Promise.allSettled(sends)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  };
}

function platformaticMessage({ topic, key, value, partition, headers }: MintedEvent): PlatformaticMessage {
  return {
    topic,
    ...(key === null ? {} : { key }),
    ...(value === null ? {} : { value }),
    ...(partition === undefined ? {} : { partition }),
    headers: new Map([...headers].map(([name, text]) => [Buffer.from(name), text])),
  };
}

function kafkaJsPort(client: KafkaJsProducerLike): ProducerPort {
  if (typeof client.isIdempotent !== "function" || !client.isIdempotent()) {
    throw invalidArgument(RangeError, "client", "made with idempotent: true", "idempotent: false");
  }
  const send = (messages: readonly MintedEvent[]): Promise<unknown> => {
    const byTopic = new Map<string, MintedEvent[]>();
    for (const message of messages) {
      const own = byTopic.get(message.topic);
      if (own === undefined) byTopic.set(message.topic, [message]);
      else own.push(message);
    }
    return client.sendBatch({
      acks: allReplicas,
      topicMessages: [...byTopic].map(([topic, own]) => ({
        topic,
        messages: own.map(({ key, value, partition, headers }) => ({
          key,
          value,
          headers: Object.fromEntries(headers),
          ...(partition === undefined ? {} : { partition }),
        })),
      })),
    });
  };
  return async (messages) => {
    for (const part of parts(messages)) await send(part);
  };
}

/** In their order: each part as large as a broker takes, or one message that is larger by itself. */
function* parts<Message extends Sized>(messages: readonly Message[]): Generator<Message[], void> {
  let part: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    const own = bytesOf(message);
    if (part.length > 0 && bytes + own > mostBytes) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(message);
    bytes += own;
  }
  if (part.length > 0) yield part;
}

interface Sized {
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
  readonly headers?: ReadonlyMap<{ readonly length: number }, Buffer>;
}

function bytesOf({ key, value, headers }: Sized): number {
  // Lengths and offsets of a record, at their longest; a character of a name has up to four bytes.
  let bytes = 64 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, content] of headers ?? []) bytes += 10 + 4 * name.length + content.length;
  return bytes;
}

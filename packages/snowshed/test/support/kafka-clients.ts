import { Consumer, Producer } from "@platformatic/kafka";
import { Kafka, logLevel } from "kafkajs";
import type { KafkaConsumerLike, KafkaProducerLike } from "snowshed/kafka";

/** A client library, with what a test needs of it. */
export interface KafkaClientKind {
  readonly name: string;
  readonly consumer: (bootstrap: string[], groupId: string) => Promise<KafkaTestClient<KafkaConsumerLike>>;
  readonly producer: (bootstrap: string[]) => Promise<KafkaTestClient<KafkaProducerLike>>;
}

export interface KafkaTestClient<Client> {
  readonly client: Client;
  readonly close: () => Promise<void>;
}

/** Short enough that a test sees a member go. */
const sessionTimeout = 6000;
const heartbeatInterval = 300;
let made = 0;

export const platformatic: KafkaClientKind = {
  name: "@platformatic/kafka",
  consumer: async (bootstrapBrokers, groupId) => {
    const client = new Consumer({
      clientId: `consumer-${made++}`,
      bootstrapBrokers,
      groupId,
      sessionTimeout,
      rebalanceTimeout: 10_000,
      heartbeatInterval,
      timeout: 3000,
      connectTimeout: 1000,
      retryDelay: 200,
    });
    return { client, close: () => client.close(true) };
  },
  producer: async (bootstrapBrokers) => {
    const options = { timeout: 3000, connectTimeout: 1000, retryDelay: 200, idempotent: true };
    const client = new Producer({ clientId: `producer-${made++}`, bootstrapBrokers, ...options });
    return { client, close: () => client.close(true) };
  },
};

const kafkajs: KafkaClientKind = {
  name: "kafkajs",
  consumer: async (brokers, groupId) => {
    const kafka = new Kafka({ brokers, clientId: `consumer-${made++}`, logLevel: logLevel.NOTHING });
    const options = { sessionTimeout, heartbeatInterval, rebalanceTimeout: 10_000, maxWaitTimeInMs: 200 };
    const client = kafka.consumer({ groupId, ...options });
    await client.connect();
    return { client, close: () => client.disconnect() };
  },
  producer: async (brokers) => {
    const kafka = new Kafka({ brokers, clientId: `producer-${made++}`, logLevel: logLevel.NOTHING });
    const client = kafka.producer({ idempotent: true });
    await client.connect();
    return { client, close: () => client.disconnect() };
  },
};

export const kafkaClients: readonly KafkaClientKind[] = [platformatic, kafkajs];

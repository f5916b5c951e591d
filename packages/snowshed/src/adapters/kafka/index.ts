export { ConsumerRunner } from "./consumer-runner.ts";
export type { EventDraft, MintedEvent } from "../../delivery/event.ts";
export type { BatchHandler, DeduplicatedOptions, MessageHandler, MessageIdentity } from "./handlers.ts";
export { deduplicated, deduplicatedBatch } from "./handlers.ts";
export { idempotentProducer } from "./idempotent-producer.ts";
export type { IdempotentProducer, IdempotentProducerOptions, ProducerInspection } from "./idempotent-producer.ts";
export type {
  KafkaConsumerLike,
  KafkaJsConsumerLike,
  KafkaJsProducerLike,
  KafkaProducerLike,
  PlatformaticConsumerLike,
  PlatformaticProducerLike,
} from "./kafka-like.ts";
export type { ConsumedMessage, TopicPartition } from "./message.ts";
export { eventFields, eventIdentity, positionIdentity } from "./message.ts";
export type {
  ConsumerCounts,
  ConsumerEvent,
  ConsumerInspection,
  DeadLetterReason,
  PartitionInspection,
} from "./runner-events.ts";
export type { ConsumerRunnerOptions, DeadLetterOptions } from "./runner-options.ts";
export type { EventFields } from "../../delivery/event-identity.ts";
export type {
  Deduplicated,
  DeduplicatedBatch,
  DeduplicationOptions,
  DeduplicationStore,
  EventIdentity,
} from "../../delivery/deduplication-store.ts";

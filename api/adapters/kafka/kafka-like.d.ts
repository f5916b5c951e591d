export interface PlatformaticMessage {
    topic: string;
    key?: Buffer;
    value?: Buffer;
    partition?: number;
    headers?: Map<Buffer, Buffer>;
}
export interface PlatformaticProducerLike {
    send(options: {
        messages: PlatformaticMessage[];
        idempotent?: boolean;
        acks?: number;
    }): Promise<unknown>;
    getSendTopicPartitions(options: {
        messages: PlatformaticMessage[];
    }): Map<string, Set<number>>;
    metadata(options: {
        topics?: string[];
        retries?: number;
    }): Promise<{
        readonly topics: Map<string, {
            readonly partitionsCount: number;
        }>;
    }>;
    readonly producerId: bigint | undefined;
}
export interface KafkaJsProducerLike {
    sendBatch(batch: {
        acks?: number;
        topicMessages?: {
            topic: string;
            messages: {
                key?: Buffer | null;
                value: Buffer | null;
                partition?: number;
                headers?: Record<string, Buffer>;
            }[];
        }[];
    }): Promise<unknown>;
    isIdempotent(): boolean;
}
export type KafkaProducerLike = PlatformaticProducerLike | KafkaJsProducerLike;
interface Assignment {
    readonly topic: string;
    readonly partitions: number[];
}
export interface PlatformaticFetchResponse {
    readonly responses: readonly {
        readonly topicId: string;
        readonly partitions: readonly {
            readonly partitionIndex: number;
            readonly logStartOffset: bigint;
            readonly abortedTransactions?: readonly {
                readonly producerId: bigint;
                readonly firstOffset: bigint;
            }[] | null;
            readonly records?: readonly {
                readonly firstOffset: bigint;
                readonly lastOffsetDelta: number;
                readonly firstTimestamp: bigint;
                readonly maxTimestamp: bigint;
                readonly attributes: number;
                readonly producerId: bigint;
                readonly records: readonly {
                    readonly offsetDelta: number;
                    readonly timestampDelta: bigint;
                    readonly key: Buffer | null;
                    readonly value: Buffer | null;
                    readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
                }[];
            }[] | null;
        }[];
    }[];
}
export interface BrokerAddress {
    host: string;
    port: number;
}
export interface PlatformaticMetadata {
    readonly topics: Map<string, {
        readonly id: string;
        readonly partitions: {
            readonly leader: number;
            readonly leaderEpoch: number;
        }[];
    } | undefined>;
}
export interface PlatformaticConsumerLike {
    readonly memberId: string | null;
    readonly generationId: number;
    readonly assignments: Assignment[] | null;
    readonly coordinatorId: number | null;
    readonly currentMetadata: {
        readonly brokers: Map<number, BrokerAddress>;
    } | undefined;
    readonly connections: {
        getEstablishedConnection(broker: BrokerAddress): {
            close(): Promise<void>;
        } | undefined;
    };
    isActive(): boolean;
    readonly topics: {
        track(topic: string): boolean;
        untrack(topic: string): boolean;
    };
    joinGroup(options: {
        protocolsMetadata?: (protocols: unknown, topics: string[], metadata: PlatformaticMetadata) => Promise<Buffer>;
        sessionTimeout?: number;
    }): Promise<string>;
    leaveGroup(): Promise<void>;
    metadata(options: {
        topics?: string[];
        forceUpdate?: boolean;
        retries?: number;
    }): Promise<PlatformaticMetadata>;
    clearMetadata(): void;
    fetch(options: {
        node: number;
        topics: {
            topicId: string;
            partitions: {
                partition: number;
                currentLeaderEpoch: number;
                fetchOffset: bigint;
                lastFetchedEpoch: number;
                partitionMaxBytes: number;
            }[];
        }[];
        minBytes?: number;
        maxBytes?: number;
        maxWaitTime?: number;
    }): Promise<PlatformaticFetchResponse>;
    commit(options: {
        offsets: {
            topic: string;
            partition: number;
            offset: bigint;
            leaderEpoch: number;
        }[];
    }): Promise<void>;
    listCommittedOffsets(options: {
        topics: Assignment[];
    }): Promise<Map<string, bigint[]>>;
    listOffsets(options: {
        topics: string[];
        partitions?: Record<string, number[]>;
        timestamp?: bigint;
    }): Promise<Map<string, bigint[]>>;
    on(event: string, listener: (payload: never) => void): unknown;
    removeListener(event: string, listener: (payload: never) => void): unknown;
}
export interface KafkaJsBatchPayload {
    readonly batch: {
        readonly topic: string;
        readonly partition: number;
        readonly fetchedOffset?: string;
        lastOffset(): string;
        readonly messages: readonly {
            readonly key: Buffer | null;
            readonly value: Buffer | null;
            readonly timestamp: string;
            readonly offset: string;
            readonly headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>;
        }[];
    };
    resolveOffset(offset: string): void;
    heartbeat(): Promise<void>;
    isRunning(): boolean;
}
export interface KafkaJsConsumerLike {
    subscribe(subscription: {
        topics: string[];
        fromBeginning?: boolean;
    }): Promise<void>;
    run(config: {
        autoCommit?: boolean;
        eachBatchAutoResolve?: boolean;
        partitionsConsumedConcurrently?: number;
        eachBatch?: (payload: KafkaJsBatchPayload) => Promise<void>;
    }): Promise<void>;
    stop(): Promise<void>;
    commitOffsets(offsets: {
        topic: string;
        partition: number;
        offset: string;
    }[]): Promise<void>;
    on(event: "consumer.group_join", listener: (event: {
        readonly payload: {
            readonly memberAssignment: Record<string, number[]>;
        };
    }) => void): () => void;
    on(event: "consumer.end_batch_process", listener: (event: {
        readonly payload: {
            readonly topic: string;
            readonly partition: number;
            readonly batchSize: number;
            readonly lastOffset: string;
        };
    }) => void): () => void;
    on(event: "consumer.crash", listener: (event: {
        readonly payload: {
            readonly error: Error;
            readonly restart: boolean;
        };
    }) => void): () => void;
}
export type KafkaConsumerLike = PlatformaticConsumerLike | KafkaJsConsumerLike;
export {};

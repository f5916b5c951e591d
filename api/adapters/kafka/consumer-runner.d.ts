import type { Duration } from "../../duration.ts";
import type { KafkaConsumerLike } from "./kafka-like.ts";
import type { ConsumerInspection } from "./runner-events.ts";
import type { ConsumerRunnerOptions } from "./runner-options.ts";
export declare class ConsumerRunner {
    #private;
    constructor(client: KafkaConsumerLike, options: ConsumerRunnerOptions);
    start(): Promise<void>;
    stop(options?: {
        readonly timeout?: Duration | undefined;
    }): Promise<void>;
    inspect(): ConsumerInspection;
}

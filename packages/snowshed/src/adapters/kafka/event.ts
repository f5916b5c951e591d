/** What happened, before it has an identity. */
export interface EventDraft {
  readonly topic: string;
  /** `"order.paid"`: 1 to 200 characters, none of them a control character. */
  readonly type: string;
  /** Events with the same key are kept in their order. Default: none. */
  readonly key?: string | Buffer | null | undefined;
  readonly value: string | Buffer | null;
  /** Of the trace it happened in. Default: one of its own, at random. */
  readonly traceId?: string | undefined;
  /** Besides `trace_id`, `event_type` and `event_timestamp`. */
  readonly headers?: Readonly<Record<string, string | Buffer>> | undefined;
  /** Default: by the key. */
  readonly partition?: number | undefined;
}

/** An event with an identity, in its headers: what is written, and may be written again. */
export interface KafkaEvent {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, Buffer>;
  readonly partition?: number | undefined;
}

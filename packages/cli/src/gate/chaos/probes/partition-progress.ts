/** Of a partition, up to where a group has confirmed it; negative: nothing of it was ever. As kafkajs has it. */
export interface Confirmed {
  readonly partition: number;
  readonly offset: string;
}

/** Where the log of a partition ends and begins. */
export interface LogEnds {
  readonly partition: number;
  readonly high: string;
  readonly low: string;
}

export interface PartitionProgress {
  /** Confirmed meanwhile, over all partitions. */
  readonly count: number;
  /** Those that had a lag and did not go on. */
  readonly stuck: readonly { readonly partition: number; readonly at: number; readonly lag: number }[];
}

/**
 * What a group confirmed between two moments. Every partition that had a lag must have gone on: in the sum of all, one that
 * stands is not seen beside those that do not. Where nothing was ever confirmed the lag is not known, as with Kafka's own
 * tools, and what the broker has deleted is none.
 */
export function progressOf({
  before,
  after,
  ends,
}: {
  readonly before: readonly Confirmed[];
  readonly after: readonly Confirmed[];
  readonly ends: readonly LogEnds[];
}): PartitionProgress {
  const later = new Map(after.map(({ partition, offset }) => [partition, Number(offset)]));
  const logs = new Map(ends.map(({ partition, high, low }) => [partition, { high: Number(high), low: Number(low) }]));
  let count = 0;
  const stuck: { partition: number; at: number; lag: number }[] = [];
  for (const { partition, offset } of before) {
    const at = Number(offset);
    const now = later.get(partition) ?? at;
    count += Math.max(0, now) - Math.max(0, at);
    const { high, low } = logs.get(partition) ?? { high: at, low: at };
    const lag = high - Math.max(at, low);
    if (at >= 0 && lag > 0 && now <= at) stuck.push({ partition, at, lag });
  }
  return { count, stuck };
}

/** `threshold` is the second method for the driver `memory`: the law of `usl` is about throughput. */
export const kneeMethods = ["kneedle", "usl", "threshold"] as const;

export type KneeMethod = (typeof kneeMethods)[number];

import type { Preset } from "../config/presets/preset.ts";
import { didYouMean } from "../nearest.ts";

/** The numbers in the expressions. `alerts.vars` of a configuration sets them by these names. */
export interface AlertVariables {
  readonly quantile: number;
  readonly etcdBackendCommitSeconds: number;
  readonly etcdBackendCommitWarningSeconds: number;
  readonly etcdWalFsyncSeconds: number;
  readonly etcdWalFsyncWarningSeconds: number;
  readonly etcdPeerRoundTripSeconds: number;
  readonly etcdLeaderChanges: number;
  readonly etcdQuotaRatio: number;
  readonly redisMemoryRatio: number;
  readonly redisClientsRatio: number;
  readonly redisEvictionsPerSecond: number;
  readonly kafkaLag: number;
  readonly kafkaBrokers: number;
  readonly kafkaMinInSyncReplicas: number;
  readonly snowshedRejectionsPerSecond: number;
  readonly snowshedWaitSeconds: number;
  readonly snowshedHeldRatio: number;
  readonly linuxLocalPorts: number;
  readonly linuxTimeWaitRatio: number;
  readonly linuxDescriptorsRatio: number;
  readonly linuxSwapPagesPerSecond: number;
}

interface Range {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly integer?: true;
}

const ratio = (value: number): Range => ({ value, min: 0.01, max: 0.99 });
const rate = (value: number): Range => ({ value, min: 0, max: 1e9 });
const count = (value: number, min = 1): Range => ({ value, min, max: 1e9, integer: true });
/** A quantile beyond the last bound of a histogram is that bound: a limit there would never be exceeded. */
const seconds = (value: number, max: number): Range => ({ value, min: 0.001, max });

/** With the least and the most that make sense: a limit that nothing can reach would be an alert that never fires. @internal */
export const alertVariables: Readonly<Record<keyof AlertVariables, Range>> = {
  quantile: { value: 0.99, min: 0.5, max: 0.999 },
  etcdBackendCommitSeconds: seconds(1, 8),
  etcdBackendCommitWarningSeconds: seconds(0.25, 8),
  etcdWalFsyncSeconds: seconds(1, 8),
  etcdWalFsyncWarningSeconds: seconds(0.5, 8),
  etcdPeerRoundTripSeconds: seconds(0.15, 3),
  etcdLeaderChanges: count(4),
  etcdQuotaRatio: ratio(0.95),
  redisMemoryRatio: ratio(0.75),
  redisClientsRatio: ratio(0.9),
  redisEvictionsPerSecond: rate(0),
  kafkaLag: count(10_000),
  kafkaBrokers: count(3),
  kafkaMinInSyncReplicas: count(2),
  snowshedRejectionsPerSecond: rate(1),
  snowshedWaitSeconds: seconds(1, 9),
  snowshedHeldRatio: ratio(0.9),
  linuxLocalPorts: { value: 28_232, min: 100, max: 65_535, integer: true },
  linuxTimeWaitRatio: ratio(0.5),
  linuxDescriptorsRatio: ratio(0.8),
  linuxSwapPagesPerSecond: rate(10),
};

/** A value of `alerts.vars` that cannot be used. */
export interface VariableProblem {
  readonly name: string;
  readonly message: string;
}

/** The numbers of a preset with those of the configuration over them. */
export function resolveVariables(
  preset: Preset,
  given: Readonly<Record<string, unknown>> = {},
): { readonly variables: AlertVariables; readonly problems: readonly VariableProblem[] } {
  const values = new Map(Object.entries(alertVariables).map(([name, { value }]) => [name, value]));
  for (const [name, value] of Object.entries(preset.alerts)) {
    if (typeof value === "number" && values.has(name)) values.set(name, value);
  }
  const problems: VariableProblem[] = [];
  for (const [name, value] of Object.entries(given)) {
    const message = problemOf(name, value);
    if (message === null) values.set(name, Number(value));
    else problems.push({ name, message });
  }
  return { variables: Object.fromEntries(values) as unknown as AlertVariables, problems };
}

function problemOf(name: string, value: unknown): string | null {
  if (!Object.hasOwn(alertVariables, name)) {
    return `there is no variable ${name}${didYouMean(name, Object.keys(alertVariables))}`;
  }
  const { min, max, integer } = alertVariables[name as keyof AlertVariables];
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !(number >= min && number <= max) || (integer && !Number.isInteger(number))) {
    const what = integer ? "a whole number" : "a number";
    return `${name} must be ${what} from ${min} to ${max}, not ${JSON.stringify(value)}`;
  }
  return null;
}

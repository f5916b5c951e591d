import { z } from "zod";

export const chaosEngines = ["embedded", "toxiproxy", "chaosblade", "nft", "tc", "signal"] as const;

export type ChaosEngine = (typeof chaosEngines)[number];

export const faultKinds = [
  "latency",
  "jitter",
  "loss",
  "bandwidth",
  "reset",
  "half-open",
  "black-hole",
  "kill",
  "pause",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** What is asked, and how: the fields beside `probe` belong to the kind of probe. */
export interface ProbeConfig {
  readonly probe: string;
  readonly [field: string]: unknown;
}

export interface FaultConfig {
  readonly engine: ChaosEngine;
  /** host:port, the name of a process, or what the engine calls its target. */
  readonly target: string | Readonly<Record<string, unknown>>;
  readonly kind: FaultKind;
  readonly durationS: number;
  readonly delayMs?: number | undefined;
  readonly jitterMs?: number | undefined;
  readonly percent?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  readonly [field: string]: unknown;
}

export interface ExperimentConfig {
  readonly id: string;
  readonly steadyState: readonly ProbeConfig[];
  readonly fault: FaultConfig;
  /** Without a probe that saw the fault, nothing was tested. */
  readonly faultSeen: ProbeConfig;
  readonly recover: { readonly withinS: number; readonly expect: readonly (string | ProbeConfig)[] };
  readonly abortWhen?: ProbeConfig | undefined;
}

export interface ChaosConfig {
  /** Part of a plain `snowshed gate`, too. */
  readonly enabled?: boolean | undefined;
  /** Hosts with ports, or Kubernetes namespaces, that faults may be injected into; default: loopback only. */
  readonly targets?: readonly string[] | undefined;
  readonly experiments?: readonly ExperimentConfig[] | undefined;
}

const probe: z.ZodType<ProbeConfig> = z.looseObject({ probe: z.string().min(1) });
const amount = z.number().nonnegative();

export const chaosSchema: z.ZodType<ChaosConfig> = z.strictObject({
  enabled: z.boolean().optional(),
  targets: z.array(z.string().min(1)).optional(),
  experiments: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "must be small letters, digits and hyphens"),
        steadyState: z.array(probe).min(1),
        fault: z.looseObject({
          engine: z.enum(chaosEngines),
          target: z.union([z.string().min(1), z.record(z.string(), z.unknown())]),
          kind: z.enum(faultKinds),
          durationS: z.number().positive(),
          delayMs: amount.optional(),
          jitterMs: amount.optional(),
          percent: z.number().min(0).max(100).optional(),
          bytesPerSecond: amount.optional(),
        }),
        faultSeen: probe,
        recover: z.strictObject({
          withinS: z.number().positive(),
          expect: z.array(z.union([z.string().min(1), probe])).min(1),
        }),
        abortWhen: probe.optional(),
      }),
    )
    .optional(),
});

import type { AlertsConfig } from "./alerts-section.ts";
import type { CapacityConfig } from "./capacity-section.ts";
import type { ChaosConfig } from "./chaos-section.ts";
import type { ConnectionConfig, FilesConfig, KernelConfig } from "./audit-section.ts";
import type { ExceptionConfig } from "./exceptions.ts";
import type { WorkloadConfig } from "./workload-section.ts";

/** A snowshed.yaml that has been checked. Sections that are not written are empty, not missing. */
export interface Config {
  readonly version: 1;
  readonly extends: "snowshed:article" | "snowshed:recommended";
  /** Faults are never injected into `production`. */
  readonly environment?: string | undefined;
  readonly workloads: Readonly<Record<string, WorkloadConfig>>;
  readonly connections: Readonly<Record<string, ConnectionConfig>>;
  readonly kernel: KernelConfig;
  readonly files: FilesConfig;
  readonly alerts: AlertsConfig;
  readonly chaos: ChaosConfig;
  readonly capacity: Readonly<Record<string, CapacityConfig>>;
  readonly exceptions: readonly ExceptionConfig[];
}

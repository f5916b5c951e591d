import { z } from "zod";

export interface AlertsConfig {
  /** Where the rules for Prometheus go. */
  readonly out?: string | undefined;
  /** Where the dashboard for Grafana goes. */
  readonly dashboard?: string | undefined;
  /** Ids of alert rules, with `*`; default: all. */
  readonly include?: readonly string[] | undefined;
  readonly vars?: Readonly<Record<string, number | string>> | undefined;
  /** The user's own rule files. */
  readonly lint?: readonly string[] | undefined;
}

export const alertsSchema: z.ZodType<AlertsConfig> = z.strictObject({
  out: z.string().min(1).optional(),
  dashboard: z.string().min(1).optional(),
  include: z.array(z.string().min(1)).optional(),
  vars: z.record(z.string(), z.union([z.number(), z.string()])).optional(),
  lint: z.array(z.string().min(1)).optional(),
});

import process from "node:process";
import type { DoctorCheck } from "../doctor-check.ts";
import { loadKafkajs } from "../load-kafkajs.ts";

/** What this stage can use. */
export const auditDoctor: readonly DoctorCheck[] = [
  {
    name: "/proc/sys",
    stage: "audit",
    neededFor: "--live: the kernel settings of this machine",
    look: () =>
      Promise.resolve({
        found: process.platform === "linux" ? "linux" : null,
        hint: "Linux only; elsewhere give the target's `sysctl -a` as kernel.from",
      }),
  },
  {
    name: "kafkajs",
    stage: "audit",
    neededFor: "--live: the settings of Kafka brokers",
    look: async () => ({
      found: (await loadKafkajs(process.cwd())) === null ? null : "installed",
      hint: "npm install kafkajs",
    }),
  },
];

import type { DoctorCheck } from "../doctor-check.ts";
import { programCheck } from "../doctor-check.ts";

/** What this stage can use. */
export const capacityDoctor: readonly DoctorCheck[] = [
  programCheck({
    name: "redis-benchmark",
    stage: "capacity",
    neededFor: "the driver redis-benchmark",
    hint: "apt-get install redis-tools",
  }),
  programCheck({
    name: "k6",
    stage: "capacity",
    neededFor: "the driver k6",
    hint: "https://grafana.com/docs/k6/latest/set-up/install-k6/",
  }),
];

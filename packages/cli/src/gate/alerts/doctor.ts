import type { DoctorCheck } from "../doctor-check.ts";
import { programCheck } from "../doctor-check.ts";

/** What this stage can use. */
export const rulesDoctor: readonly DoctorCheck[] = [
  programCheck({
    name: "promtool",
    stage: "rules",
    neededFor: "to check and test the alert rules with Prometheus itself",
    hint: "apt-get install prometheus, or the release from https://prometheus.io/download/",
  }),
];

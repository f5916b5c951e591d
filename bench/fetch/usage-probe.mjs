import { writeFileSync } from "node:fs";

import { peakResident } from "../resident.mjs";

// Loaded with --import into a process that is measured: leaves what it used in the file named by USAGE_FILE.

process.on("exit", () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const usage = { cpu: (userCPUTime + systemCPUTime) / 1e6, resident: peakResident() };
  writeFileSync(process.env.USAGE_FILE, JSON.stringify(usage));
});

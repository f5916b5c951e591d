import { readFileSync } from "node:fs";

/** Peak resident size in MB. On Linux `maxRSS` counts what the parent had when it started us; its VmHWM does not. */
export function peakResident() {
  try {
    return Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync("/proc/self/status", "latin1"))[1]) / 1e3;
  } catch {
    return process.resourceUsage().maxRSS / 1e3;
  }
}

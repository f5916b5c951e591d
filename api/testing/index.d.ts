export type { NamePattern } from "../diagnostics/ignored-names.ts";
export { Checkpoint, checkpoint } from "./checkpoint.ts";
export { FakeClock } from "./fake-clock.ts";
export type { ExpectNoLeaksOptions, LeakCheckOptions, RunnerHook } from "./leak-check.ts";
export { expectNoLeaks, useLeakCheck } from "./leak-check.ts";

import type { PlannedExperiment } from "./experiment.ts";
import { undoText } from "./undo.ts";

/** What an experiment would do, for people. */
export function planText({
  config,
  missing,
  fault,
  steadyState,
  faultSeen,
  expect,
  abortWhen,
  isDuringFault,
}: PlannedExperiment): string {
  const { withinS } = config.recover;
  const lines = [
    `${config.id}: ${fault.description}, for ${config.fault.durationS} s (engine ${config.fault.engine})`,
    `  steady state  ${names(steadyState)}`,
    ...fault.steps.map((step) => `  fault         ${step}`),
    ...fault.undo.map((step) => `  undo          ${undoText(step)}`),
    `  must be seen  ${faultSeen.probe.name} ${JSON.stringify(faultSeen.bounds)}`,
    ...(abortWhen === null ? [] : [`  abort when    ${abortWhen.probe.name} ${JSON.stringify(abortWhen.bounds)}`]),
    `  recovers      ${names(expect)}, within ${withinS} s of the ${isDuringFault ? "injection" : "end of the fault"}`,
    ...(missing === null ? [] : [`  missing       ${missing}`]),
  ];
  return lines.join("\n");
}

function names(probes: PlannedExperiment["expect"]): string {
  return probes.map(({ probe }) => probe.name).join(", ");
}

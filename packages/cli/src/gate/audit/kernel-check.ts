import type { ConnectionKind } from "../config/audit-section.ts";
import { connectionKinds } from "../config/audit-section.ts";
import type { RuleContext } from "../rule.ts";
import type { Server } from "./servers.ts";
import { serversOf } from "./servers.ts";
import { holds } from "./comparison.ts";
import { uses } from "./uses.ts";

/** The machines that name a kernel setting; the rule is skipped if none does. */
export function machinesWith(context: RuleContext, setting: string): readonly Server[] {
  const machines = serversOf(context, "kernel").filter((machine) => machine.has(setting));
  if (machines.length === 0) context.skip(unknownKernel(context, setting));
  return machines;
}

export function unknownKernel({ live }: Pick<RuleContext, "live">, setting: string): string {
  return `${setting} is not known: no file of kernel.from, compose or kubernetes has it${live === null ? ", and --live was not given" : ""}`;
}

/** Reports each machine whose setting does not hold the comparison. */
export function checkKernel(context: RuleContext, setting: string, comparison: string, why: string): void {
  for (const machine of machinesWith(context, setting)) {
    const value = machine.value(setting) ?? "";
    if (holds(comparison, value)) continue;
    const wanted = comparison.replace(/^=/, "");
    context.report({
      ...machine.at(setting),
      message: `${setting} is ${value} on ${machine.name}, and should be ${wanted}: ${why}`,
      data: { machine: machine.name, value, wanted: comparison },
    });
  }
}

/** Reports each machine that does not have what the preset asks for what is in use. */
export function checkPreset(context: RuleContext, group: "any" | ConnectionKind, setting: string, why: string): void {
  const comparison = context.preset.kernel[group][setting];
  if (comparison === undefined) return;
  const inUse = group === "any" ? connectionKinds.some((kind) => uses(context, kind)) : uses(context, group);
  if (inUse) checkKernel(context, setting, comparison, why);
}

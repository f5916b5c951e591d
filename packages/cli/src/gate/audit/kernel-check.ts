import type { ConnectionKind } from "../config/audit-section.ts";
import { connectionKinds } from "../config/audit-section.ts";
import type { RuleContext } from "../rule.ts";
import type { Server } from "./servers.ts";
import { serverFact, serversOf } from "./servers.ts";
import { holds } from "./comparison.ts";
import { uses } from "./uses.ts";

/** The machines that name a kernel setting; the rule is skipped if none does. */
export function machinesWith(context: RuleContext, setting: string): readonly Server[] {
  const machines = serversOf(context, "kernel").filter((machine) => machine.has(setting));
  if (machines.length === 0) context.skip(unknownKernel(context, setting));
  return machines;
}

function unknownKernel({ live }: Pick<RuleContext, "live">, setting: string): string {
  return `${setting} is not known: no file of kernel.from, compose or kubernetes has it${live === null ? ", and --live was not given" : ""}`;
}

/** The machines a server runs on, as far as that is known: containers have a network of their own. */
export function machinesOf(context: RuleContext, server: Server): readonly Server[] {
  const machines = serversOf(context, "kernel");
  if (server.isLive) {
    const isHere = /127\.0\.0\.1|localhost|\[::1\]/.test(server.name);
    return machines.filter(({ isLive }) => isLive && isHere);
  }
  const own = machines.filter(
    ({ name }) => name === server.name || server.name.startsWith(`${name.split(" in ")[0]} `),
  );
  return isContainer(server) ? own : machines.filter((machine) => !machine.isLive && !isContainer(machine));
}

function isContainer(server: Server): boolean {
  const [, kind] = server.at(serverFact).path;
  return kind === "compose" || kind === "kubernetes";
}

export interface KernelCheck {
  readonly setting: string;
  /** Why the value matters, as the end of a sentence. */
  readonly why: string;
  /** Machines it says nothing of are passed over. */
  readonly applies?: (machine: Server) => boolean;
}

/** Reports each machine that does not have what the preset asks for what is in use. */
export function checkPreset(
  context: RuleContext,
  group: "any" | ConnectionKind,
  { setting, why, applies = () => true }: KernelCheck,
): void {
  const comparison = context.preset.kernel[group][setting];
  const inUse = group === "any" ? connectionKinds.some((kind) => uses(context, kind)) : uses(context, group);
  if (comparison === undefined || !inUse) return;
  for (const machine of machinesWith(context, setting).filter(applies)) {
    const value = machine.value(setting) ?? "";
    if (holds(comparison, value)) continue;
    const wanted = comparison.replace(/^=/, "");
    context.report({
      ...machine.at(setting),
      message: `${setting} is ${value} on ${machine.name}, and should be ${wanted}: ${why}`,
      data: { machine: machine.name, value, wanted: comparison },
      // The article's table is meant to the letter by whoever chose it.
      ...(context.preset.name === "article" ? { severity: "error" as const } : {}),
    });
  }
}

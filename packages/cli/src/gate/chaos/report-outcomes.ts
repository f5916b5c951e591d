import type { RuleContext } from "../rule.ts";

/** Reports the experiments that ended so. What a run found comes to the rules as facts: `<outcome>: <message>`. */
export function reportOutcomes({ live, config, report }: RuleContext, outcome: string): void {
  for (const { subject, name, value } of live ?? []) {
    if (subject !== "chaos" || !value.startsWith(`${outcome}: `)) continue;
    const index = (config.chaos.experiments ?? []).findIndex(({ id }) => id === name);
    const path = index === -1 ? ["chaos", "experiments"] : ["chaos", "experiments", index];
    report({ path, message: `${name}: ${value.slice(outcome.length + 2)}` });
  }
}

import { UsageError } from "../usage-error.ts";
import { didYouMean } from "./nearest.ts";
import { rules } from "./rules/index.ts";

export function listRules({ stage, json = false }: { readonly stage?: string; readonly json?: boolean }): string {
  const shown = rules.map(({ meta }) => meta).filter((meta) => stage === undefined || meta.stage === stage);
  if (json) return `${JSON.stringify(shown, undefined, 2)}\n`;
  const width = Math.max(0, ...shown.map(({ id }) => id.length));
  return shown
    .map(
      ({ id, severity, origin, title }) =>
        `${id.padEnd(width)}  ${severity.padEnd(7)}  ${origin.padEnd(8)}  ${title}\n`,
    )
    .join("");
}

export function explainRule(id: string): string {
  const meta = rules.find((rule) => rule.meta.id === id)?.meta;
  if (meta === undefined) {
    const ids = rules.map((rule) => rule.meta.id);
    throw new UsageError(`there is no rule "${id}"${didYouMean(id, ids)}; snowshed gate rule list shows them`);
  }
  const needs = meta.needs.filter((need) => need !== "static");
  return [
    `${meta.id}: ${meta.title}`,
    "",
    `  severity  ${meta.severity}`,
    `  origin    ${meta.origin}`,
    `  needs     ${needs.length === 0 ? "nothing but files" : needs.join(", ")}`,
    "",
    `Why: ${meta.rationale}`,
    `Fix: ${meta.fix}`,
    ...meta.sources.map((source) => `See: ${source}`),
    "",
  ].join("\n");
}

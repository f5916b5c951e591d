import type { Fact } from "../facts.ts";
import type { Judgement } from "./judgement.ts";

// What a run found, as rules see it: `capacity <name>.safe = 812.5 per second`.

export function safeFact(name: string, value: number, unit: Judgement["unit"]): Fact {
  const nowhere = { file: null, line: null, column: null };
  return { subject: "capacity", name: `${name}.safe`, value: `${value} ${unit}`, ...nowhere };
}

/** Undefined where nothing was found. */
export function safeOf(
  facts: readonly Fact[] | null,
  name: string,
): { readonly value: number; readonly unit: string } | undefined {
  const fact = facts?.find((each) => each.subject === "capacity" && each.name === `${name}.safe`);
  const [, number, unit = ""] = /^(\S+) (.+)$/.exec(fact?.value ?? "") ?? [];
  return number === undefined ? undefined : { value: Number(number), unit };
}

import { safeText } from "../../diagnostics/safe-text.ts";
import type { Preset } from "../config/presets/preset.ts";
import type { Store } from "../config/workload-section.ts";
import type { WorkloadAdvice } from "./stage.ts";
import type { Advice, Leaf, Question } from "./tree.ts";
import { isQuestion, questionText, storeNames, tree } from "./tree.ts";

/** What is said of a workload: the leaf, what does not fit, what else would; with `explain` the way through the tree. */
export function adviceText(name: string, advice: WorkloadAdvice, preset: Preset, explain: boolean): string {
  const { store, leaf, conflicts, alternatives } = advice;
  const verdict = store === leaf ? "as declared" : `declared: ${storeNames[store as Store]}`;
  return [
    `${safeText(name)}: ${storeNames[leaf]} (${verdict})`,
    ...(explain ? ["", ...treeLines(advice, preset), ""] : []),
    ...conflicts.map(({ kind, message }) => `  ${kind}: ${message}`),
    ...alternatives.map((each) => `  alternative: ${each.name}: ${each.reason}`),
  ].join("\n");
}

/** The whole tree; `=>` leads along the way that was taken. */
function treeLines({ path, leaf }: Advice, preset: Preset): string[] {
  const taken = new Map(path.map(({ question, answer }) => [question, answer]));
  const lines: string[] = [`  ${questionText(tree.root, preset)}`];
  const draw = (place: Question | Leaf, indent: string, onTheWay: boolean): void => {
    if (!isQuestion(place)) return;
    for (const answer of ["yes", "no"] as const) {
      const next = tree.branches[place][answer];
      const here = onTheWay && taken.get(place) === answer;
      const text = isQuestion(next) ? questionText(next, preset) : storeNames[next];
      lines.push(
        `${indent}${here ? "=>" : "--"} ${answer.padEnd(3)} ${text}${here && next === leaf ? "   <= here" : ""}`,
      );
      draw(next, `${indent}   `, here);
    }
  };
  draw(tree.root, "  ", true);
  return lines;
}

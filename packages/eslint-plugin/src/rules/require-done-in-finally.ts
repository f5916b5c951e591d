import { kindOf } from "../library/kinds.ts";
import { awaitsThatSkip, isCleanup } from "../library/pauses.ts";
import { callsOn, placeOf } from "../library/places.ts";
import type { Rule, SourceCode, Suggestion } from "../rule.ts";
import { defineRule } from "../rule.ts";
import type { CallExpression, FunctionNode, Node } from "../syntax/nodes.ts";
import { functionAround, isFunction, isInside, methodCall } from "../syntax/tree.ts";

export const requireDoneInFinally: Rule = defineRule("require-done-in-finally", {
  description: "Count down also when the work fails",
  messages: {
    skipped:
      "If what is awaited before fails, `done()` is never called and `{{name}}.wait()` waits for ever: put it in `finally`, or start the work with `{{name}}.go()`.",
    wrap: "Put it in `finally`.",
  },
  hasSuggestions: true,
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const method = methodCall(node);
        if (method?.name !== "done" || kindOf(method.object, sourceCode) !== "WaitGroup" || isCleanup(node)) return;
        const around = functionAround(node);
        const place = placeOf(method.object, sourceCode);
        // If the function that made the group fails, nobody is left to wait for it.
        if (!isFunction(around) || place === undefined || place.owner === around) return;
        const add = callsOn(place, ["add"]).findLast(
          (call) => functionAround(call) === around && call.range[1] <= node.range[0],
        );
        const from = add?.range[1] ?? around.body.range[0];
        const done = new Set(callsOn(place, ["done"]));
        const skips = awaitsThatSkip(node, from, around.body, sourceCode, (each) => done.has(each));
        if (skips.length === 0) return;
        const suggest = wrapping(node, around, add, sourceCode);
        context.report({ node, messageId: "skipped", data: { name: place.name }, suggest });
      },
    };
  },
});

/** `try { ... } finally { done() }`, when `done()` is the last statement of the function. */
function wrapping(node: Node, around: FunctionNode, add: Node | undefined, source: SourceCode): readonly Suggestion[] {
  const { body } = around;
  if (body.type !== "BlockStatement") return [];
  const last = body.body.at(-1);
  const added = add === undefined ? -1 : body.body.findIndex((statement) => isInside(add, statement));
  const start = body.body[added + 1];
  if (last === undefined || start === undefined || start === last) return [];
  if (last.type !== "ExpressionStatement" || last.expression !== node) return [];
  if (isNamedOutside(around, start.range[0], last.range[1], source)) return [];
  // What stands on either side of add() in its own statement would be moved apart.
  if (add !== undefined && (added === -1 || body.body[added]?.type !== "ExpressionStatement")) return [];
  return [
    {
      messageId: "wrap",
      fix: (fixer) => [
        fixer.insertTextBefore(start, "try { "),
        fixer.replaceTextRange(last.range, `} finally { ${source.getText(last)} }`),
      ],
    },
  ];
}

/** Whether something that is declared from `start` to `end` of the function is also named elsewhere: a block would hide it. */
function isNamedOutside(around: FunctionNode, start: number, end: number, source: SourceCode): boolean {
  const isWithin = ({ range }: Node): boolean => start <= range[0] && range[1] <= end;
  return [...source.getScope(around.body).set.values()].some(
    ({ defs, references }) =>
      defs.some(({ name }) => isWithin(name)) && !references.every(({ identifier }) => isWithin(identifier)),
  );
}

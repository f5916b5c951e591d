import type { Rule, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import { isGlobal } from "../syntax/bindings.ts";
import type { CallExpression, Node } from "../syntax/nodes.ts";
import { methodCall, unwrap } from "../syntax/tree.ts";

export const noUnheldAbortAny: Rule = defineRule("no-unheld-abort-any", {
  description: "Do not lose the timeout in AbortSignal.any()",
  messages: {
    unheld:
      "Nothing but `AbortSignal.any()` holds this timeout: on Node 20 it may be collected, and never fires. Use `Context.from(signal).withTimeout()`, or keep it in a variable that lives as long.",
  },
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        if (!isCallOf(node, "any", sourceCode)) return;
        const signals = node.arguments[0] === undefined ? undefined : unwrap(node.arguments[0]);
        if (signals?.type !== "ArrayExpression") return;
        for (const timeout of signals.elements.flatMap((element) => inlineTimeouts(element, sourceCode))) {
          context.report({ node: timeout, messageId: "unheld" });
        }
      },
    };
  },
});

/** `AbortSignal.timeout()` as the element itself, or as one of the values that it may have. */
function inlineTimeouts(element: Node | null, source: SourceCode): readonly Node[] {
  if (element === null) return [];
  const value = unwrap(element);
  if (value.type === "ConditionalExpression") {
    return [value.consequent, value.alternate].flatMap((each) => inlineTimeouts(each, source));
  }
  if (value.type === "LogicalExpression") {
    return [value.left, value.right].flatMap((each) => inlineTimeouts(each, source));
  }
  if (value.type === "SpreadElement" && value.argument !== null) {
    const spread = unwrap(value.argument);
    const elements = spread.type === "ArrayExpression" ? spread.elements : [];
    const branches = spread.type === "ConditionalExpression" ? [spread.consequent, spread.alternate] : [];
    const inner = branches.map(unwrap).flatMap((each) => (each.type === "ArrayExpression" ? each.elements : []));
    return [...elements, ...inner].flatMap((each) => inlineTimeouts(each, source));
  }
  return isCallOf(value, "timeout", source) ? [value] : [];
}

function isCallOf(node: Node, name: "any" | "timeout", source: SourceCode): boolean {
  const method = methodCall(node);
  return method?.name === name && isGlobal(method.object, "AbortSignal", source);
}

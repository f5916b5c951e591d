import type { Kind } from "../library/classes.ts";
import { kindOf } from "../library/kinds.ts";
import type { Fixer, Rule, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import { libraryName } from "../syntax/bindings.ts";
import type { CallExpression } from "../syntax/nodes.ts";
import { functionAround, isDropped, isFunction, methodCall } from "../syntax/tree.ts";

const waits: ReadonlyMap<Kind, readonly string[]> = new Map<Kind, readonly string[]>([
  ["Channel", ["receive", "send"]],
  ["Context", ["sleep"]],
  ["Group", ["ready", "wait"]],
  ["Quota", ["permit"]],
  ["RedisQuota", ["permit"]],
  ["ReentrantSemaphore", ["acquire"]],
  ["Semaphore", ["acquire"]],
  ["WaitGroup", ["wait"]],
]);
const functions: ReadonlySet<string> = new Set([
  "batch",
  "forEachConcurrent",
  "hedge",
  "mapConcurrent",
  "retry",
  "select",
  "timeout",
]);

export const noFloatingWait: Rule = defineRule("no-floating-wait", {
  description: "Await what waits: groups, semaphores, channels, quotas, loops, batches, retries",
  messages: {
    floating: "The code goes on without waiting for `{{call}}`, and its failure is lost: await it, or say `void`.",
    notIterated: "`mapConcurrent()` starts nothing until it is iterated: use `for await`, or `forEachConcurrent()`.",
    addAwait: "Await it.",
  },
  hasSuggestions: true,
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const called = isDropped(node) ? waitingCall(node, sourceCode) : undefined;
        if (called === undefined) return;
        if (called === "mapConcurrent()") return context.report({ node, messageId: "notIterated" });
        const around = functionAround(node);
        const mayAwait = isFunction(around) ? around.async : around.sourceType === "module";
        const fix = { messageId: "addAwait", fix: (fixer: Fixer) => fixer.insertTextBefore(node, "await ") };
        context.report({ node, messageId: "floating", data: { call: called }, suggest: mayAwait ? [fix] : [] });
      },
    };
  },
});

/** How to name the call in a message, if it is one that waits. */
function waitingCall(node: CallExpression, source: SourceCode): string | undefined {
  const name = libraryName(node.callee, source);
  if (name !== undefined && functions.has(name)) return `${name}()`;
  const method = methodCall(node);
  if (method === undefined || ![...waits.values()].some((names) => names.includes(method.name))) return undefined;
  const kind = kindOf(method.object, source);
  return kind !== undefined && waits.get(kind)?.includes(method.name) ? `${source.getText(node.callee)}()` : undefined;
}

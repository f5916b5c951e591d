import { callsOf, isLater } from "../library/joins.ts";
import { kindOf } from "../library/kinds.ts";
import { callsOn, placeOf } from "../library/places.ts";
import type { Rule, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import type { CallExpression, FunctionNode, Node } from "../syntax/nodes.ts";
import { functionAround, isFunction, isLeftAlone, methodCall, walkBody, wrapped } from "../syntax/tree.ts";

export const noAddInTask: Rule = defineRule("no-add-in-task", {
  description: "Count work before it is started, not inside it",
  messages: {
    late: "`{{name}}.wait()` may look before this runs, and find 0: call `add()` before the work is started, or start it with `{{name}}.go()`.",
    lateGo:
      "`{{name}}.wait()` may have looked before this runs, and found nothing to wait for: call `go()` before, and wait inside of the task.",
  },
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const method = methodCall(node);
        if (method === undefined || !["add", "go", "tryGo"].includes(method.name)) return;
        const kind = kindOf(method.object, sourceCode);
        const isAdd = method.name === "add";
        if (kind !== "WaitGroup" && (kind !== "Group" || isAdd)) return;
        const task = functionAround(node);
        const place = placeOf(method.object, sourceCode);
        if (!isFunction(task) || place === undefined) return;
        const adds = callsOn(place, isAdd ? ["add"] : ["add", "go", "tryGo"]);
        const waits = callsOn(place, ["wait"]);
        for (const start of startsOf(task, node, sourceCode)) {
          const around = functionAround(start);
          const isIn = (call: Node): boolean => functionAround(call) === around;
          // A count that the starter holds meanwhile, or another task, keeps wait() from ending early.
          if (adds.some(isIn)) continue;
          if (!waits.some((wait) => isIn(wait) && wait.range[0] > start.range[0])) continue;
          return context.report({ node, messageId: isAdd ? "late" : "lateGo", data: { name: place.name } });
        }
      },
    };
  },
});

/** The calls that start `task` and go on before it gets to `add`. */
function startsOf(task: FunctionNode, add: Node, source: SourceCode): readonly Node[] {
  const argument = wrapped(task);
  const { parent } = argument;
  const starts: Node[] = [];
  if (parent.type === "CallExpression" && parent.callee !== argument) {
    const name = methodCall(parent)?.name;
    const isThen = name === "then" || name === "catch" || name === "finally";
    // Until its first await, an async function runs within the call.
    const isLoop = (name === "map" || name === "forEach") && awaitsBefore(task, add, source);
    if (isLater(parent, source) || isThen || isLoop) starts.push(parent);
  } else if (awaitsBefore(task, add, source)) {
    if (parent.type === "CallExpression") starts.push(parent);
    starts.push(...callsOf(task, source));
  }
  return starts.filter((start) => isLeftAlone(start));
}

function awaitsBefore(task: FunctionNode, add: Node, source: SourceCode): boolean {
  let found = false;
  walkBody(task.body, source, (node) => {
    const pauses = node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await);
    found ||= pauses && node.range[0] < add.range[0];
  });
  return found;
}

import type { SourceCode } from "../rule.ts";
import type { FunctionNode, Node } from "../syntax/nodes.ts";
import { functionAround, isFunction, methodCall, wrapped } from "../syntax/tree.ts";
import type { TaskCall } from "./kinds.ts";
import { taskCallOf } from "./kinds.ts";

const callbacks: ReadonlySet<string> = new Set([
  "map",
  "flatMap",
  "forEach",
  "filter",
  "some",
  "every",
  "find",
  "reduce",
  "then",
]);

/** The task of the library in which `node` runs: its own function, or callbacks of it that run while it does. */
export function taskAround(node: Node, source: SourceCode): { task: FunctionNode; call: TaskCall } | undefined {
  for (let around = functionAround(node); isFunction(around); around = functionAround(around)) {
    const call = taskCallOf(around, source);
    if (call !== undefined) return { task: around, call };
    if (!runsWithin(around)) return undefined;
  }
  return undefined;
}

/** Whether a function is a callback of an array method or of `then`, or called where it stands. */
export function runsWithin(node: FunctionNode): boolean {
  const argument = wrapped(node);
  const { parent } = argument;
  if (parent.type !== "CallExpression") return false;
  if (parent.callee === argument) return true;
  const method = methodCall(parent);
  return method !== undefined && callbacks.has(method.name);
}

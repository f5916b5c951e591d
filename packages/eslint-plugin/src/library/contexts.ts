import type { SourceCode } from "../rule.ts";
import { findVariable } from "../syntax/bindings.ts";
import type { FunctionNode, Node } from "../syntax/nodes.ts";
import { functionAround, isFunction, keyName } from "../syntax/tree.ts";
import { optionOf } from "./joins.ts";
import type { TaskCall } from "./kinds.ts";
import { kindOf, taskCallOf } from "./kinds.ts";
import { runsWithin } from "./tasks.ts";

/** The context of the library that the code at some place runs under. */
export interface ContextInScope {
  /** Whether the function takes it as a parameter. */
  readonly isTaken: boolean;
  /** How to name it there, and its signal. */
  readonly context: string | undefined;
  readonly signal: string | undefined;
}

export function contextInScope(node: Node, source: SourceCode): ContextInScope | undefined {
  let found: ContextInScope | undefined;
  for (let around = functionAround(node); isFunction(around); around = functionAround(around)) {
    const call = taskCallOf(around, source);
    const taken = call === undefined ? declaredContext(around, source) : parameterOf(around, call);
    if (taken !== undefined) return taken === "ignored" ? undefined : asNamedAt(node, taken, around, source);
    if (call === undefined && !runsWithin(around)) break;
    if (call !== undefined && found === undefined && endsByItself(call, around)) found = untaken;
  }
  return found;
}

/** Without the names that mean something else at `node`. */
function asNamedAt(node: Node, taken: ContextInScope, task: FunctionNode, source: SourceCode): ContextInScope {
  const [name = ""] = (taken.signal ?? "").split(".");
  if (findVariable(node, name, source) === findVariable(task, name, source)) return taken;
  return { isTaken: true, context: undefined, signal: undefined };
}

const untaken: ContextInScope = { isTaken: false, context: undefined, signal: undefined };

function endsByItself(call: TaskCall, task: FunctionNode): boolean {
  if (call.context === undefined || task.params.some((parameter) => parameter.type === "RestElement")) return false;
  // A plain function may use `arguments`, and `this` is not ours to know.
  return call.cancels === true && task.params.length <= call.context && task.type === "ArrowFunctionExpression";
}

/** A parameter `context: Context`. */
function declaredContext(node: FunctionNode, source: SourceCode): ContextInScope | undefined {
  const names = node.params.flatMap((parameter) =>
    parameter.type === "Identifier" && kindOf(parameter, source) === "Context" ? [parameter.name] : [],
  );
  return names.length === 1 ? { isTaken: true, context: names[0], signal: `${names[0]}.signal` } : undefined;
}

function parameterOf(task: FunctionNode, call: TaskCall): ContextInScope | "ignored" | undefined {
  let parameter = call.context === undefined ? undefined : task.params[call.context];
  if (parameter?.type === "AssignmentPattern") parameter = parameter.left;
  if (parameter?.type === "Identifier") {
    const { name } = parameter;
    return name.startsWith("_") ? "ignored" : { isTaken: true, context: name, signal: `${name}.signal` };
  }
  if (parameter?.type !== "ObjectPattern") return undefined;
  const signal = parameter.properties.find(
    (each) => each.type === "Property" && keyName(each.key, each.computed) === "signal",
  );
  const local = signal?.type === "Property" && signal.value.type === "Identifier" ? signal.value.name : undefined;
  return { isTaken: true, context: local, signal: local };
}

/** Whether a call could be given a signal in its options at `index`, and is not. */
export function lacksSignal(call: { readonly arguments: readonly Node[] }, index: number): boolean {
  if (call.arguments.length > index + 1) return false;
  return optionOf(call, index, "signal") === "absent";
}

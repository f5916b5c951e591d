import type { SourceCode } from "../rule.ts";
import { isGlobal, platformName } from "../syntax/bindings.ts";
import type { CallExpression, FunctionNode, Node, Program } from "../syntax/nodes.ts";
import { functionAround, isFunction, keyName, methodCall, parentOf, unwrap, wrapped } from "../syntax/tree.ts";

/**
 * The function that cannot end before the promise `node` does, since it awaits or returns it, directly or through
 * `Promise.all` and `then`. `undefined` when nothing of that is seen.
 */
export function joinedBy(node: Node, source: SourceCode): FunctionNode | Program | undefined {
  const promise = wrapped(node);
  const { parent } = promise;
  switch (parent.type) {
    case "AwaitExpression":
    case "ReturnStatement":
      return functionAround(parent);
    case "ArrowFunctionExpression":
      return parent.body === promise ? parent : undefined;
    case "ArrayExpression":
    case "LogicalExpression":
      return joinedBy(parent, source);
    case "ConditionalExpression":
      return parent.test === promise ? undefined : joinedBy(parent, source);
    case "CallExpression":
      return parent.callee !== promise && joinsAll(parent, source) ? joinedBy(parent, source) : undefined;
    case "MemberExpression": {
      const call = parentOf(parent);
      const method = methodCall(call);
      const chained = method !== undefined && method.object === unwrap(promise) && isChain(method.name);
      return chained ? joinedBy(call, source) : undefined;
    }
    default:
      return undefined;
  }
}

function isChain(name: string): boolean {
  return name === "then" || name === "catch" || name === "finally";
}

function joinsAll(call: CallExpression, source: SourceCode): boolean {
  const method = methodCall(call);
  return (
    method !== undefined &&
    isGlobal(method.object, "Promise", source) &&
    /^(?:all|allSettled|any|race)$/.test(method.name)
  );
}

/** The value of an option in a call: `"absent"`, or `"unknown"` when the call is not written out. */
export function optionOf(
  call: { readonly arguments: readonly Node[] },
  index: number,
  name: string,
): Node | "absent" | "unknown" {
  const before = call.arguments.slice(0, index + 1);
  if (before.some((argument) => argument.type === "SpreadElement")) return "unknown";
  const options = before[index];
  if (options === undefined) return "absent";
  const literal = unwrap(options);
  if (literal.type !== "ObjectExpression") return "unknown";
  let found: Node | "absent" | "unknown" = "absent";
  for (const property of literal.properties) {
    if (property.type !== "Property") return "unknown";
    const key = keyName(property.key, property.computed);
    if (key === undefined) return "unknown";
    if (key === name) found = property.value;
  }
  return found;
}

const timers: readonly string[] = ["setTimeout", "setImmediate", "setInterval", "queueMicrotask"];

/** Whether the call runs its first argument later: a timer, or `process.nextTick`. */
export function isLater(call: CallExpression, source: SourceCode): boolean {
  if (timers.some((name) => isGlobal(call.callee, name, source))) return true;
  if (timers.includes(platformName(call.callee, ["timers"], source) ?? "")) return true;
  const method = methodCall(call);
  return method?.name === "nextTick" && isGlobal(method.object, "process", source);
}

/** The calls by name of a function that is declared, or the value of a `const`, in this file. */
export function callsOf(node: FunctionNode, source: SourceCode): readonly CallExpression[] {
  const id = node.type === "FunctionDeclaration" && "id" in node ? (node.id as Node | null) : constant(node);
  if (id?.type !== "Identifier") return [];
  for (
    let scope: ReturnType<SourceCode["getScope"]> | null = source.getScope(node);
    scope !== null;
    scope = scope.upper
  ) {
    const variable = scope.set.get(id.name);
    if (variable === undefined || !variable.defs.some((definition) => definition.name === id)) continue;
    return variable.references.flatMap(({ identifier }) => {
      const call = parentOf(identifier);
      return call.type === "CallExpression" && unwrap(call.callee) === identifier ? [call] : [];
    });
  }
  return [];
}

function constant(node: FunctionNode): Node | undefined {
  const parent = parentOf(node);
  return !isFunction(parent) && parent.type === "VariableDeclarator" ? parent.id : undefined;
}

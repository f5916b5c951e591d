import type { SourceCode, Variable } from "../rule.ts";
import { definitionOf, findVariable, libraryName } from "../syntax/bindings.ts";
import type { CallExpression, FunctionNode, Node, TypeAnnotation } from "../syntax/nodes.ts";
import { isFunction, methodCall, unwrap, wrapped } from "../syntax/tree.ts";
import { fieldOf } from "./fields.ts";
import type { Kind } from "./classes.ts";
import { classes, lent, makers } from "./classes.ts";
import type { TaskShape } from "./task-shapes.ts";
import { taskShapes } from "./task-shapes.ts";

const derivations: ReadonlySet<string> = new Set([
  "withCancel",
  "withDeadline",
  "withTimeout",
  "withValue",
  "withoutCancel",
]);

/** Which class of the library the expression is of; `undefined` when that cannot be told from this file. */
export function kindOf(node: Node, source: SourceCode, depth = 0): Kind | undefined {
  if (depth > 8) return undefined;
  const value = unwrap(node);
  switch (value.type) {
    case "Identifier":
      return kindOfVariable(findVariable(value, value.name, source), source, depth);
    case "NewExpression":
      return classes.get(libraryName(value.callee, source) ?? "");
    case "AwaitExpression":
      return kindOfAwaited(value.argument, source, depth);
    case "CallExpression":
      return makers.get(libraryName(value.callee, source) ?? "") ?? kindOfResult(value, source, depth);
    case "MemberExpression": {
      const field = fieldOf(value, source);
      if (field !== undefined) return kindOfField(field.declaration, field.assigned, source, depth);
      return kindOfProperty(value, source, depth);
    }
    default:
      return undefined;
  }
}

function kindOfVariable(variable: Variable | undefined, source: SourceCode, depth: number): Kind | undefined {
  const definition = definitionOf(variable);
  if (definition === undefined) return undefined;
  const { name, node, type } = definition;
  if (name.type !== "Identifier") return undefined;
  const annotated = kindOfType(name.typeAnnotation, source);
  if (annotated !== undefined) return annotated;
  if (type === "Variable" && node.type === "VariableDeclarator") {
    return node.id === name && node.init !== null ? kindOf(node.init, source, depth + 1) : undefined;
  }
  if (type !== "Parameter" || !isFunction(node)) return undefined;
  const task = taskCallOf(node, source);
  if (task === undefined) return undefined;
  const index = node.params.indexOf(name);
  if (index === task.context) return "Context";
  return index === task.permit ? "LeasePermit" : undefined;
}

/** `Semaphore` of `: Semaphore | undefined`. */
function kindOfType(annotation: TypeAnnotation | null | undefined, source: SourceCode): Kind | undefined {
  if (annotation?.type !== "TSTypeAnnotation") return undefined;
  let type = annotation.typeAnnotation;
  if (type.type === "TSUnionType") {
    const types = type.types.filter((each) => each.type !== "TSUndefinedKeyword" && each.type !== "TSNullKeyword");
    if (types.length !== 1) return undefined;
    type = types[0]!;
  }
  return type.type === "TSTypeReference" ? classes.get(libraryName(type.typeName, source) ?? "") : undefined;
}

function kindOfField(
  declaration: Node | undefined,
  assigned: readonly Node[],
  source: SourceCode,
  depth: number,
): Kind | undefined {
  if (declaration?.type === "Identifier")
    return assigned.length === 0 ? kindOfType(declaration.typeAnnotation, source) : undefined;
  if (declaration?.type === "PropertyDefinition") {
    const annotated = kindOfType(declaration.typeAnnotation, source);
    if (annotated !== undefined) return annotated;
    if (declaration.value !== null)
      return assigned.length === 0 ? kindOf(declaration.value, source, depth + 1) : undefined;
  }
  const kinds = new Set(assigned.map((value) => kindOf(value, source, depth + 1)));
  return kinds.size === 1 ? [...kinds][0] : undefined;
}

function kindOfResult(call: Node, source: SourceCode, depth: number): Kind | undefined {
  const method = methodCall(call);
  if (method === undefined) return undefined;
  const { object, name } = method;
  if ((name === "from" || name === "root") && libraryName(object, source) === "Context") return "Context";
  if (name !== "child" && name !== "tryPermit" && name !== "tryAcquire" && !derivations.has(name)) return undefined;
  const kind = kindOf(object, source, depth + 1);
  if (kind === undefined) return undefined;
  if (name === "child") return kind === "Group" ? "Group" : undefined;
  if (derivations.has(name)) return kind === "Context" ? "Context" : undefined;
  // Over the network `tryPermit()` is a promise, too.
  if (name === "tryPermit") return lent.get(kind) === "LeasePermit" ? undefined : lent.get(kind);
  return kind === "Limiter" ? "LimitPermit" : undefined;
}

function kindOfAwaited(promise: Node, source: SourceCode, depth: number): Kind | undefined {
  const method = methodCall(promise);
  if (method === undefined || !["permit", "tryPermit", "acquire"].includes(method.name)) return undefined;
  const kind = kindOf(method.object, source, depth + 1);
  if (kind === undefined) return undefined;
  if (method.name === "acquire") return kind === "Limiter" ? "LimitPermit" : undefined;
  return lent.get(kind);
}

function kindOfProperty(value: Node, source: SourceCode, depth: number): Kind | undefined {
  if (value.type !== "MemberExpression" || value.computed || value.property.type !== "Identifier") return undefined;
  const { object, property } = value;
  if (property.name === "background") return libraryName(object, source) === "Context" ? "Context" : undefined;
  if (property.name !== "context") return undefined;
  const kind = kindOf(object, source, depth + 1);
  return kind === "Group" || kind === "LeasePermit" ? "Context" : undefined;
}

export interface TaskCall extends TaskShape {
  readonly call: CallExpression;
  /** `Group.go`, `batch`. */
  readonly name: string;
}

/** The call of the library that runs this function as its task. */
export function taskCallOf(task: FunctionNode, source: SourceCode): TaskCall | undefined {
  const argument = wrapped(task);
  const { parent: call } = argument;
  if (call.type !== "CallExpression" || call.callee === argument) return undefined;
  const name = calledName(call, source);
  const shape = name === undefined ? undefined : taskShapes.get(name);
  if (name === undefined || shape === undefined || call.arguments[shape.task] !== argument) return undefined;
  return { ...shape, call, name };
}

function calledName(call: CallExpression, source: SourceCode): string | undefined {
  const method = methodCall(call);
  if (method === undefined) return libraryName(call.callee, source);
  if (!["go", "tryGo", "run"].includes(method.name)) return libraryName(call.callee, source);
  const kind = kindOf(method.object, source);
  return kind === undefined ? undefined : `${kind}.${method.name}`;
}

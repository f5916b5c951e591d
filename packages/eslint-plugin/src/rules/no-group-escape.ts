import { isLater } from "../library/joins.ts";
import { kindOf } from "../library/kinds.ts";
import { callsOn, placeOf } from "../library/places.ts";
import type { Place } from "../library/places.ts";
import type { Fixer, Rule, RuleContext, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import { findVariable } from "../syntax/bindings.ts";
import type { CallExpression, Node, VariableDeclarator } from "../syntax/nodes.ts";
import {
  functionAround,
  isDropped,
  isFunction,
  isInside,
  isLeftAlone,
  keyName,
  methodCall,
  parentOf,
  unwrap,
  wrapped,
} from "../syntax/tree.ts";

export const noGroupEscape: Rule = defineRule("no-group-escape", {
  description: "Do not use a group after its end",
  messages: {
    closed:
      "`{{name}}` is closed once its `wait()` has settled, and `{{method}}()` throws: use a new Group for new tasks.",
    escapes:
      "`{{name}}` is canceled at the end of this block (`await using`), so what is kept of it is of no use outside.",
    notAwaited: "The block ends, and cancels `{{name}}`, before this has settled: await it before you return it.",
    addAwait: "Await it.",
  },
  hasSuggestions: true,
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const method = methodCall(node);
        if (method === undefined || (method.name !== "go" && method.name !== "tryGo")) return;
        if (method.object.type !== "Identifier" || kindOf(method.object, sourceCode) !== "Group") return;
        const place = placeOf(method.object, sourceCode);
        if (place === undefined || isExpectedToFail(node)) return;
        if (!callsOn(place, ["wait"]).some((wait) => isOver(wait, node, sourceCode))) return;
        context.report({ node, messageId: "closed", data: { name: place.name, method: method.name } });
      },
      VariableDeclarator(node: VariableDeclarator) {
        const { parent } = node;
        if (parent.type !== "VariableDeclaration" || parent.kind !== "await using" || node.init === null) return;
        const place = kindOf(node.init, sourceCode) === "Group" ? placeOf(node.id, sourceCode) : undefined;
        if (place !== undefined) checkScope(place, parent.parent, context);
      },
    };
  },
});

/** `node` comes after the end of `group.wait()` on every path. */
function isOver(wait: Node, node: CallExpression, source: SourceCode): boolean {
  // wait({ signal }) also ends when only the waiter gives up.
  if (wait.type !== "CallExpression" || wait.arguments.length > 0) return false;
  let promise: Node = wait;
  for (let next = chained(promise); next !== undefined; next = chained(promise)) {
    const awaiting = parentOf(next);
    const isStatement = isLeftAlone(next) || (awaiting.type === "AwaitExpression" && isDropped(awaiting));
    if (isStatement && isCalledFrom(node, next, source)) return true;
    promise = next;
  }
  const awaited = parentOf(promise);
  if (awaited.type !== "AwaitExpression") return false;
  const holder = parentOf(awaited);
  const statement = holder.type === "VariableDeclarator" ? holder.parent : holder;
  if (statement.type !== "ExpressionStatement" && statement.type !== "VariableDeclaration") return false;
  const block = statement.parent;
  return (
    (block.type === "BlockStatement" || block.type === "Program") &&
    runsIn(node, functionAround(wait), source) &&
    isInside(node, block) &&
    statement.range[1] <= node.range[0]
  );
}

/** In a callback of `then()`, `catch()` or `finally()`. */
function isCalledFrom(node: Node, chain: Node, source: SourceCode): boolean {
  const callbacks: readonly Node[] = methodCall(chain)?.call.arguments ?? [];
  return callbacks.some((each) => isFunction(each) && isInside(node, each) && runsIn(node, each, source));
}

/** In the function itself, or in what it hands to a timer, to `forEach()` or to a promise that nobody looks at. */
function runsIn(node: Node, owner: Node, source: SourceCode): boolean {
  for (let around: Node = functionAround(node); around !== owner; around = functionAround(around)) {
    if (!isFunction(around) || around.type === "FunctionDeclaration") return false;
    const call = parentOf(around);
    if (call.type !== "CallExpression" || unwrap(call.callee) === around) return false;
    const name = methodCall(call)?.name;
    const isChain = name === "then" || name === "catch" || name === "finally";
    // Anything else may be there to see it fail, as `expect()` is.
    if (!isLater(call, source) && name !== "forEach" && !(isChain && isLeftAlone(call))) return false;
  }
  return true;
}

/** `x.then(...)` of `x`. */
function chained(promise: Node): Node | undefined {
  const member = parentOf(promise);
  if (member.type !== "MemberExpression") return undefined;
  const call = parentOf(member);
  const name = methodCall(call)?.name;
  return name === "then" || name === "catch" || name === "finally" ? call : undefined;
}

function isExpectedToFail(node: Node): boolean {
  for (let outer = node; outer.type !== "Program"; outer = outer.parent) {
    if (outer.parent.type === "TryStatement" && outer.parent.block === outer && outer.parent.handler !== null)
      return true;
  }
  return false;
}

function checkScope(place: Place, block: Node, context: RuleContext): void {
  const data = { name: place.name };
  const scope = functionAround(block);
  for (const use of place.uses) {
    if (functionAround(use) !== scope) continue;
    const kept = keptPart(use);
    if (isKeptOutside(kept, block, context.sourceCode)) context.report({ node: use, messageId: "escapes", data });
    const promise = returnedPromise(use);
    if (promise === undefined) continue;
    const fix = { messageId: "addAwait", fix: (fixer: Fixer) => fixer.insertTextBefore(promise, "await ") };
    context.report({ node: promise, messageId: "notAwaited", data, suggest: [fix] });
  }
}

/** The group itself, or its context. */
function keptPart(use: Node): Node {
  const member = parentOf(use);
  if (member.type !== "MemberExpression" || unwrap(member.object) !== use) return use;
  const isContext = keyName(member.property, member.computed) === "context";
  return isContext ? member : use;
}

/** Returned, or assigned to what is there before the block and after it; also within an array or object. */
function isKeptOutside(value: Node, block: Node, source: SourceCode): boolean {
  const whole = wrapped(value);
  const { parent } = whole;
  switch (parent.type) {
    case "ReturnStatement":
      return true;
    case "ArrayExpression":
      return isKeptOutside(parent, block, source);
    case "Property":
      return parent.value === whole && isKeptOutside(parent.parent, block, source);
    case "AssignmentExpression": {
      if (parent.right !== whole) return false;
      const target = unwrap(parent.left);
      const root = rootOf(target);
      if (root.type === "ThisExpression") return true;
      if (root.type !== "Identifier") return false;
      const variable = findVariable(root, root.name, source);
      return variable === undefined || !variable.defs.some((definition) => isInside(definition.name, block));
    }
    default:
      return false;
  }
}

function rootOf(target: Node): Node {
  let root = target;
  while (root.type === "MemberExpression") root = unwrap(root.object);
  return root;
}

/** `group.go(...)` and `group.wait()` that are returned as they are. */
function returnedPromise(use: Node): Node | undefined {
  const member = parentOf(use);
  const call = member.type === "MemberExpression" ? parentOf(member) : undefined;
  const method = call === undefined ? undefined : methodCall(call);
  if (method?.object !== use || !["go", "wait"].includes(method.name)) return undefined;
  let promise: Node = method.call;
  for (let next = chained(promise); next !== undefined; next = chained(promise)) promise = next;
  return parentOf(promise).type === "ReturnStatement" ? wrapped(promise) : undefined;
}

import type { SourceCode } from "../rule.ts";
import { isGlobal, platformName } from "../syntax/bindings.ts";
import type { Node, TryStatement } from "../syntax/nodes.ts";
import { contains, isFunction, isInside, methodCall, unwrap, walkBody } from "../syntax/tree.ts";
import { kindOf } from "./kinds.ts";

/** Whether what is awaited may reject. What is known not to is let off; everything else may. */
function mayReject(promise: Node, source: SourceCode): boolean {
  const value = unwrap(promise);
  if (value.type === "Literal") return false;
  if (value.type === "NewExpression") {
    // new Promise((resolve) => ...) that is not even given a `reject`.
    const executor = value.arguments[0];
    return !(
      isGlobal(value.callee, "Promise", source) &&
      executor &&
      isFunction(executor) &&
      executor.params.length < 2
    );
  }
  const method = methodCall(value);
  if (method === undefined) return value.type !== "CallExpression" || !isPlainPause(value, source);
  const { call, object, name } = method;
  const handler = name === "catch" ? call.arguments[0] : name === "then" ? call.arguments[1] : undefined;
  if (handler !== undefined) return contains(handler, source, (node) => node.type === "ThrowStatement");
  if (name === "finally") return mayReject(object, source);
  if (isGlobal(object, "Promise", source))
    return !(name === "allSettled" || (name === "resolve" && call.arguments.length === 0));
  return !(name === "ready" && kindOf(object, source) === "Group") && !isPlainPause(value, source);
}

/** `await setTimeout(10)` of `node:timers/promises`, without a signal. */
function isPlainPause(call: Node, source: SourceCode): boolean {
  return (
    call.type === "CallExpression" &&
    call.arguments.length <= 2 &&
    ["setTimeout", "setImmediate"].includes(platformName(call.callee, ["timers/promises"], source) ?? "")
  );
}

/**
 * The awaits of `body`, from position `from` on, that skip `last` when they reject. `undoes` tells the calls that do the
 * same as `last`: a `catch` with one of those covers its block.
 */
export function awaitsThatSkip(
  last: Node,
  from: number,
  body: Node,
  source: SourceCode,
  undoes: (node: Node) => boolean,
): readonly Node[] {
  const found: Node[] = [];
  walkBody(body, source, (node) => {
    if (node.range[0] < from || node.range[1] > last.range[0]) return;
    const pauses =
      node.type === "AwaitExpression" ? mayReject(node.argument, source) : node.type === "ForOfStatement" && node.await;
    if (pauses && !isOnOtherPath(node, last, source) && !isCaught(node, last, source, undoes)) found.push(node);
  });
  return found;
}

/** In a branch that leaves the function or the loop, so that `last` does not come after it. */
export function isOnOtherPath(node: Node, last: Node, source: SourceCode): boolean {
  for (let outer = node; outer.type !== "Program" && !isInside(last, outer); outer = outer.parent) {
    if (isFunction(outer)) return false;
    const end = outer.type === "BlockStatement" ? outer.body.at(-1) : outer;
    if (end !== undefined && leaves(end)) return true;
    if (outer.type === "SwitchCase" && contains(outer, source, leaves)) return true;
    // One of two branches, with `last` in the other one.
    const { parent } = outer;
    if (parent.type === "IfStatement" && outer !== parent.test && isInside(last, parent)) return true;
  }
  return false;
}

function leaves(node: Node): boolean {
  return /^(?:Return|Throw|Break|Continue)Statement$/.test(node.type);
}

function isCaught(node: Node, last: Node, source: SourceCode, undoes: (node: Node) => boolean): boolean {
  for (let outer = node; outer.type !== "Program" && !isFunction(outer); outer = outer.parent) {
    const { parent } = outer;
    if (parent.type !== "TryStatement" || parent.block !== outer) continue;
    if (catches(parent, last, source) || (parent.handler !== null && contains(parent.handler, source, undoes)))
      return true;
    if (parent.finalizer !== null && contains(parent.finalizer, source, undoes)) return true;
  }
  return false;
}

/** The statement goes on to `last` after a rejection. */
function catches({ handler, range }: TryStatement, last: Node, source: SourceCode): boolean {
  return handler !== null && range[1] <= last.range[0] && !contains(handler.body, source, leaves);
}

/** Whether it runs however the block before it is left: in a `finally`, a callback of `finally()`, or a `catch`. */
export function isCleanup(node: Node): boolean {
  for (let outer = node; outer.type !== "Program"; outer = outer.parent) {
    const { parent } = outer;
    if (parent.type === "TryStatement" && parent.finalizer === outer) return true;
    if (outer.type === "CatchClause") return true;
    if (isFunction(outer)) {
      const method = methodCall(parent);
      return method !== undefined && (method.name === "finally" || method.name === "catch");
    }
  }
  return false;
}

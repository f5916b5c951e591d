import type { Kind } from "../library/classes.ts";
import { callsOf, joinedBy, optionOf } from "../library/joins.ts";
import { kindOf, taskCallOf } from "../library/kinds.ts";
import type { Place } from "../library/places.ts";
import { callsOn, escapes, methodsOn, placeOf } from "../library/places.ts";
import { runsWithin } from "../library/tasks.ts";
import type { Rule, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import type { CallExpression, FunctionNode, Node } from "../syntax/nodes.ts";
import { functionAround, isFunction, isInside, methodCall, parentOf, unwrap } from "../syntax/tree.ts";

/** Those whose holder waits for itself. A reentrant semaphore is for that; a limiter refuses instead of waiting. */
const lenders: ReadonlySet<Kind> = new Set<Kind>([
  "EtcdSemaphore",
  "FileHandles",
  "Pool",
  "RedisSemaphore",
  "Semaphore",
]);

export const noNestedAcquire: Rule = defineRule("no-nested-acquire", {
  description: "Do not wait for a permit while holding one of the same semaphore",
  messages: {
    nested:
      "Who waits here holds a permit of `{{name}}` already: when all holders do, none goes on. Take all at once by `weight`, split the function, or use `ReentrantSemaphore`.",
  },
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const method = methodCall(node);
        if (method === undefined || !/^(?:run|permit|acquire)$/.test(method.name)) return;
        const kind = kindOf(method.object, sourceCode);
        if (kind === undefined || !lenders.has(kind)) return;
        const place = placeOf(method.object, sourceCode);
        const around = joinedBy(node, sourceCode);
        if (place === undefined || around === undefined || givesUp(node)) return;
        const isHeld = isHeldBefore(node, place, sourceCode) || isWithin(node, place, sourceCode, new Set());
        if (isHeld) context.report({ node, messageId: "nested", data: { name: place.name } });
      },
    };
  },
});

/** It does not wait for ever: it has a timeout, or options that are not written out. */
function givesUp(node: CallExpression): boolean {
  const options = node.arguments.findLast((argument) => argument.type === "ObjectExpression");
  if (node.arguments.some((argument) => argument.type === "SpreadElement")) return true;
  const last = node.arguments.at(-1);
  if (node.arguments.length > 1 && last?.type === "Identifier") return true;
  return options !== undefined && optionOf({ arguments: [options] }, 0, "timeout") !== "absent";
}

/** Some caller that waits for `node` is `run()` of the same place. */
function isWithin(node: Node, place: Place, source: SourceCode, seen: Set<FunctionNode>): boolean {
  const around = joinedBy(node, source);
  if (around === undefined || !isFunction(around) || seen.has(around)) return false;
  seen.add(around);
  const task = taskCallOf(around, source);
  if (task !== undefined) {
    if (/\.(?:go|tryGo)$/.test(task.name)) return false;
    const method = methodCall(task.call);
    const isSame = method?.name === "run" && placeOf(method.object, source)?.key === place.key;
    return isSame || isWithin(task.call, place, source, seen);
  }
  if (runsWithin(around)) return isWithin(parentOf(around), place, source, seen);
  // A function with a name, called from elsewhere: only if it always gets to `node`.
  return !isConditional(node, around) && callsOf(around, source).some((call) => isWithin(call, place, source, seen));
}

function isConditional(node: Node, around: Node): boolean {
  for (let outer = node; outer !== around; outer = outer.parent) {
    if (/^(?:IfStatement|ConditionalExpression|LogicalExpression|SwitchCase|CatchClause)$/.test(outer.type))
      return true;
  }
  return false;
}

/** A statement before it, in the same block or one around it, took a permit, and nothing in between gave it back. */
function isHeldBefore(node: Node, place: Place, source: SourceCode): boolean {
  const around = functionAround(node);
  // Of one that the function made for itself, nobody else holds any: then there may be enough.
  if (!isFunction(around) || (place.owner === around && !hasOnePermit(place))) return false;
  const takings = callsOn(place, ["acquire", "permit"]).filter(
    (call) => call !== node && functionAround(call) === around,
  );
  const releases = methodsOn(place).filter(({ name }) => name === undefined || name === "release");
  if (releases.some(({ call }) => call === undefined)) return false;
  return takings.some((taking) => {
    const statement = parentOf(parentOf(taking));
    if (parentOf(taking).type !== "AwaitExpression" || !dominates(statement, node)) return false;
    const isBetween = (call: Node): boolean => call.range[0] > taking.range[1] && call.range[0] < node.range[0];
    if (statement.type === "ExpressionStatement") {
      // Who releases in a function of its own may do so while this one waits.
      return (
        methodCall(taking)?.name === "acquire" &&
        releases.every(({ call }) => !isBetween(call!) && (functionAround(call!) === around || acquires(call!, place)))
      );
    }
    if (statement.type !== "VariableDeclarator" || statement.id.type !== "Identifier") return false;
    const permit = placeOf(statement.id, source);
    const uses =
      permit && methodsOn(permit).filter(({ name }) => name === undefined || /^(?:release|destroy)$/.test(name));
    return (
      permit !== undefined &&
      !escapes(permit) &&
      uses!.every(({ call }) => call !== undefined && !isBetween(call) && functionAround(call) === around)
    );
  });
}

function hasOnePermit({ init }: Place): boolean {
  const made = init === null ? init : unwrap(init);
  const [permits] = made?.type === "NewExpression" ? made.arguments : [];
  return permits?.type === "Literal" && permits.value === 1;
}

/** Whether the function that releases also takes: then it gives back its own. */
function acquires(release: Node, place: Place): boolean {
  const around = functionAround(release);
  return callsOn(place, ["acquire", "tryAcquire"]).some((call) => functionAround(call) === around);
}

/** `statement` (or the declaration it is part of) is in a block that has `node` further down. */
function dominates(statement: Node, node: Node): boolean {
  const whole = statement.type === "VariableDeclarator" ? statement.parent : statement;
  const block = unwrap(whole.parent);
  return block.type === "BlockStatement" && isInside(node, block) && whole.range[1] <= node.range[0];
}

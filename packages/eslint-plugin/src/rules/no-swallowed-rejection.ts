import { kindOf, taskCallOf } from "../library/kinds.ts";
import type { Rule, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import type { CallExpression, FunctionNode, Node } from "../syntax/nodes.ts";
import { contains, isFunction, methodCall, unwrap } from "../syntax/tree.ts";

export const noSwallowedRejection: Rule = defineRule("no-swallowed-rejection", {
  description: "Do not hide the failure of a task from what runs it",
  messages: {
    task: "`{{call}}()` takes this task for a success whatever happens: let it fail, handle the error, or say in a comment why it does not matter.",
    wait: "The failures of all tasks end here, unseen: handle them, or say in a comment why they do not matter.",
  },
  create(context) {
    const { sourceCode } = context;
    const checkTask = (task: FunctionNode): void => {
      const call = taskCallOf(task, sourceCode);
      if (call?.judges !== true) return;
      for (const node of swallowing(task, sourceCode))
        context.report({ node, messageId: "task", data: { call: call.name } });
    };
    return {
      ArrowFunctionExpression: checkTask,
      FunctionExpression: checkTask,
      CallExpression(node: CallExpression) {
        const handler = emptyHandler(node, sourceCode);
        const object = handler && methodCall(node)?.object;
        const waiting = object && methodCall(object);
        if (handler === undefined || waiting?.name !== "wait") return;
        const kind = kindOf(waiting.object, sourceCode);
        if (kind === "Group" || kind === "WaitGroup") context.report({ node: handler, messageId: "wait" });
      },
    };
  },
});

/** The empty handlers that all of the task's failures go to. */
function swallowing(task: FunctionNode, source: SourceCode): readonly Node[] {
  const { body } = task;
  if (body.type !== "BlockStatement") return [emptyHandler(body, source)].filter((node) => node !== undefined);
  const statements = body.body.filter(
    (statement) => statement.type !== "VariableDeclaration" || mayFail(statement, source),
  );
  const only = statements.length === 1 ? statements[0]! : undefined;
  if (only?.type === "TryStatement") {
    const { handler } = only;
    const isEmpty =
      handler !== null && handler.body.body.length === 0 && source.getCommentsInside(handler).length === 0;
    return isEmpty && mayFail(only.block, source) ? [handler] : [];
  }
  let value: Node | null = null;
  if (only?.type === "ReturnStatement") value = only.argument;
  else if (only?.type === "ExpressionStatement") value = only.expression;
  const handler = value === null ? undefined : emptyHandler(value, source);
  return handler === undefined ? [] : [handler];
}

function mayFail(node: Node, source: SourceCode): boolean {
  return contains(
    node,
    source,
    ({ type }) => type === "AwaitExpression" || type === "CallExpression" || type === "ForOfStatement",
  );
}

/** A comment says why: in the braces, or behind them on the same line. */
function isExplained(handler: FunctionNode, source: SourceCode): boolean {
  const [rest = ""] = source.text.slice(handler.range[1]).split("\n", 1);
  return source.getCommentsInside(handler.body).length > 0 || /^\W*\/[/*]/.test(rest);
}

/** `() => {}` of `x.catch(() => {})` and `x.then(f, () => {})`, unless a comment says why. */
function emptyHandler(node: Node, source: SourceCode): FunctionNode | undefined {
  const promise = unwrap(node);
  const method = methodCall(promise.type === "AwaitExpression" ? promise.argument : promise);
  const argument =
    method?.name === "catch"
      ? method.call.arguments[0]
      : method?.name === "then"
        ? method.call.arguments[1]
        : undefined;
  const handler = argument === undefined ? undefined : unwrap(argument);
  if (method === undefined || handler === undefined || !isFunction(handler)) return undefined;
  // All that sleep() can fail with is that its context has ended.
  const pause = methodCall(method.object);
  if (pause?.name === "sleep" && kindOf(pause.object, source) === "Context") return undefined;
  const isEmpty = handler.body.type === "BlockStatement" && handler.body.body.length === 0;
  return isEmpty && !isExplained(handler, source) ? handler : undefined;
}

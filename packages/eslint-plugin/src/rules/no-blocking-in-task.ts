import { taskAround } from "../library/tasks.ts";
import type { Rule } from "../rule.ts";
import { defineRule } from "../rule.ts";
import { platformName } from "../syntax/bindings.ts";
import type { CallExpression } from "../syntax/nodes.ts";

const modules: readonly string[] = ["child_process", "crypto", "fs", "zlib"];

export const noBlockingInTask: Rule = defineRule("no-blocking-in-task", {
  description: "Do not stop the event loop inside a task",
  messages: {
    blocking: "While `{{name}}()` runs, no other task does, and no timer fires: use the asynchronous form.",
  },
  recommended: false,
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const name = platformName(node.callee, modules, sourceCode);
        if (name?.endsWith("Sync") !== true || taskAround(node, sourceCode) === undefined) return;
        context.report({ node, messageId: "blocking", data: { name } });
      },
    };
  },
});

import type { PublishedRule } from "./rule.ts";
import { forwardSignal } from "./rules/forward-signal.ts";
import { noAddInTask } from "./rules/no-add-in-task.ts";
import { noBlockingInTask } from "./rules/no-blocking-in-task.ts";
import { noFloatingWait } from "./rules/no-floating-wait.ts";
import { noGroupEscape } from "./rules/no-group-escape.ts";
import { noNestedAcquire } from "./rules/no-nested-acquire.ts";
import { noSwallowedRejection } from "./rules/no-swallowed-rejection.ts";
import { noUnboundedPromiseAll } from "./rules/no-unbounded-promise-all.ts";
import { noUnheldAbortAny } from "./rules/no-unheld-abort-any.ts";
import { requireDoneInFinally } from "./rules/require-done-in-finally.ts";
import { requirePermitRelease } from "./rules/require-permit-release.ts";

export type { PublishedRule, RuleMeta } from "./rule.ts";

type Severity = "error" | "warn";

interface Config {
  readonly name: string;
  readonly plugins: { snowshed: Plugin };
  readonly rules: Record<string, Severity>;
}

/** What ESLint and oxlint take as a plugin. */
export interface Plugin {
  readonly meta: { readonly name: string; readonly version: string; readonly namespace: string };
  readonly rules: Record<string, PublishedRule>;
  /** `recommended`: all rules but those that are off by default; for `extends` of a flat configuration. */
  readonly configs: { readonly recommended: Config };
}

const rules: Record<string, PublishedRule> = {
  "forward-signal": forwardSignal,
  "no-add-in-task": noAddInTask,
  "no-blocking-in-task": noBlockingInTask,
  "no-floating-wait": noFloatingWait,
  "no-group-escape": noGroupEscape,
  "no-nested-acquire": noNestedAcquire,
  "no-swallowed-rejection": noSwallowedRejection,
  "no-unbounded-promise-all": noUnboundedPromiseAll,
  "no-unheld-abort-any": noUnheldAbortAny,
  "require-done-in-finally": requireDoneInFinally,
  "require-permit-release": requirePermitRelease,
};

/** A rule that points at what may be right (`type: "suggestion"`) warns. */
const recommended = Object.fromEntries(
  Object.entries(rules)
    .filter(([, { meta }]) => meta.docs.recommended)
    .map(([name, { meta }]): [string, Severity] => [`snowshed/${name}`, meta.type === "problem" ? "error" : "warn"]),
);

// A configuration names the plugin that it is part of.
const plugins = {} as { snowshed: Plugin };

/**
 * The plugin, for the `plugins` of an ESLint configuration or the `jsPlugins` of oxlint.
 *
 * @example
 * ```ts
 * import snowshed from "eslint-plugin-snowshed";
 *
 * export default [snowshed.configs.recommended];
 * ```
 */
const plugin: Plugin = {
  meta: { name: "eslint-plugin-snowshed", version: "0.1.0", namespace: "snowshed" },
  rules,
  configs: { recommended: { name: "snowshed/recommended", plugins, rules: recommended } },
};
plugins.snowshed = plugin;

export default plugin;

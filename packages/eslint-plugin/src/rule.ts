import type { Node, Program } from "./syntax/nodes.ts";

/** A name of the code under the linter, and every place that reads or writes it. */
export interface Variable {
  readonly name: string;
  readonly scope: Scope;
  readonly defs: readonly {
    readonly type: string;
    readonly node: Node;
    readonly parent?: Node | null;
    readonly name: Node;
  }[];
  readonly references: readonly { readonly identifier: Node; isWrite(): boolean }[];
}

export interface Scope {
  readonly block: Node;
  readonly upper: Scope | null;
  readonly set: ReadonlyMap<string, Variable>;
}

export interface SourceCode {
  readonly ast: Program;
  readonly text: string;
  readonly visitorKeys: Readonly<Record<string, readonly string[]>>;
  getText(node: Node): string;
  getScope(node: Node): Scope;
  getCommentsInside(node: Node): readonly unknown[];
}

export interface Fixer {
  insertTextBefore(node: Node, text: string): unknown;
  insertTextAfter(node: Node, text: string): unknown;
  replaceTextRange(range: readonly [number, number], text: string): unknown;
}

interface Message {
  readonly messageId: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface Suggestion extends Message {
  readonly fix: (fixer: Fixer) => unknown;
}

export interface RuleContext {
  readonly sourceCode: SourceCode;
  readonly options: readonly unknown[];
  report(problem: Message & { readonly node: Node; readonly suggest?: readonly Suggestion[] }): void;
}

export interface RuleMeta {
  readonly type: "problem" | "suggestion";
  readonly docs: { readonly description: string; readonly url: string; readonly recommended: boolean };
  readonly messages: Readonly<Record<string, string>>;
  readonly schema: object[];
  readonly hasSuggestions: boolean;
}

/** What is called for the nodes of each type. As a method, so that it may say which nodes it takes. */
type Listeners = Readonly<Record<string, { listen(node: Node): void }["listen"]>>;

/** A rule as ESLint 9, ESLint 10 and oxlint take it. What they call it with is theirs: their types do not agree. */
export interface PublishedRule {
  readonly meta: RuleMeta;
  create(context: never): Listeners;
}

/** A rule by what it needs of that. */
export interface Rule {
  readonly meta: RuleMeta;
  create(context: RuleContext): Listeners;
}

interface RuleDescription {
  readonly description: string;
  readonly messages: Readonly<Record<string, string>>;
  /** Default: a problem. `suggestion`: the code may be right, but look at it. */
  readonly type?: "suggestion";
  readonly schema?: object[];
  readonly hasSuggestions?: boolean;
  readonly recommended?: boolean;
  readonly create: Rule["create"];
}

/** A rule whose page of the documentation is `docs/rules/<name>.md`. */
export function defineRule(name: string, rule: RuleDescription): Rule {
  const { description, messages, type = "problem", schema = [], hasSuggestions = false, recommended = true } = rule;
  const url = `https://github.com/snowshed/snowshed/blob/main/docs/rules/${name}.md`;
  return {
    meta: { type, docs: { description, url, recommended }, messages, schema, hasSuggestions },
    create: rule.create,
  };
}

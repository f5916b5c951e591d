import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lintFiles, readFileText } from "../../../src/gate/alerts/lint-files.ts";

function lint(text: string): string[] {
  return lintFiles([readFileText("/rules.yml", "rules.yml", text)]).map(
    ({ rule, line, column, message }) => `${line}:${column} ${rule.slice("rules/".length)} ${message}`,
  );
}

const rule = (expr: string): string => `groups:\n- name: a\n  rules:\n  - alert: A\n    expr: ${expr}\n`;

describe("a place in an expression is a place in the file", () => {
  test.each([
    ["plain", rule("up + redis_evicted_keys_totl > 1"), "5:16"],
    ["in quotes", rule("'up + redis_evicted_keys_totl > 1'"), "5:17"],
    ["in double quotes", rule('"up + redis_evicted_keys_totl > 1"'), "5:17"],
    ["in a block", rule("|\n      up\n        + redis_evicted_keys_totl > 1"), "7:11"],
    ["in a block that is chomped", rule("|-\n      up\n      + redis_evicted_keys_totl > 1"), "7:9"],
    // Where it begins: lines have been joined.
    ["folded", rule(">-\n      up\n      + redis_evicted_keys_totl > 1"), "5:11"],
    ["with escapes", rule('"up{a=\\"b\\"} + redis_evicted_keys_totl > 1"'), "5:11"],
  ])("%s", (_, text, place) => {
    expect(lint(text)).toEqual([
      `${place} unknown-series A: no known exporter has redis_evicted_keys_totl; did you mean redis_evicted_keys_total?`,
    ]);
  });
});

test("what a rule takes over by << is its own, as it is to Prometheus", () => {
  const text = `groups:
- name: a
  rules:
  - &base
    alert: A
    expr: &e up == 0
    for: 5m
    labels: &l { severity: warning }
  - { <<: *base, alert: B }
  - { alert: C, expr: *e, labels: { <<: [*l, { team: x }], severity: critical } }
`;
  const { rules, problems } = readFileText("/a.yml", "a.yml", text);
  expect(problems).toEqual([]);
  expect(rules.map(({ name, expression, waits, labels }) => [name, expression.text, waits, labels])).toEqual([
    ["A", "up == 0", "5m", { severity: "warning" }],
    ["B", "up == 0", "5m", { severity: "warning" }],
    ["C", "up == 0", null, { severity: "critical", team: "x" }],
  ]);
});

test("one that takes over itself, or others many times over, ends", () => {
  const levels = Array.from({ length: 40 }, (_, index) => `- &b${index + 1} { <<: [*b${index}, *b${index}] }\n`);
  const self = "groups:\n- name: a\n  rules: [&self { <<: *self, alert: D, expr: up }]\n";
  expect(readFileText("/a.yml", "a.yml", self).rules.map(({ name }) => name)).toEqual(["D"]);
  expect(readFileText("/a.yml", "a.yml", `groups:\n- &b0 { a: 1 }\n${levels.join("")}`).rules).toEqual([]);
});

describe("what is wrong with a file", () => {
  test.each([
    // Prometheus loads them.
    ["", ["1:1 empty-group there are no groups in it"]],
    ["# nothing\n", ["1:1 empty-group there are no groups in it"]],
    ["{}\n", ["1:1 empty-group there are no groups in it"]],
    ["groups:\n", ["1:1 empty-group there are no groups in it"]],
    // And it reads the first document alone.
    [
      `${rule("up")}---\ngroups: []\n`,
      ["7:1 rule-file Prometheus reads the first document of a file, and not this one"],
    ],
    ["- a\n", ["1:1 rule-file there is no list `groups` in it: these are no rules"]],
    ["groups: 3\n", ["1:1 rule-file there is no list `groups` in it: these are no rules"]],
    ["groups: []\n", ["1:9 empty-group there are no groups in it"]],
    ["groups:\n- name: a\n", ['2:3 empty-group group "a" has no rules']],
    ["groups:\n- name: a\n  rules: []\n", ['2:3 empty-group group "a" has no rules']],
    ["groups:\n- name: a\n  rules: 3\n", ['3:10 rule-file the rules of group "a" must be a list']],
    ["groups:\n- rules: [{alert: A, expr: up}]\n", ["2:3 rule-file a group has no name"]],
    ["groups:\n- a\n", ["2:3 rule-file a group must have a name and rules"]],
    [
      "group:\n- name: a\n",
      [
        '1:1 rule-file the file: unknown key "group"; did you mean "groups"?',
        "1:1 rule-file there is no list `groups` in it: these are no rules",
      ],
    ],
    [
      rule("up").replace("expr", "exp"),
      ['5:5 rule-file "A": unknown key "exp"; did you mean "expr"?', '4:5 rule-file "A" has no `expr` that is text'],
    ],
    [rule("[up]"), ['5:11 rule-file "A" has no `expr` that is text']],
    [rule("up\n    record: a"), ['4:5 rule-file "A" must have either `alert` or `record`']],
    [rule("up\n    for: 5 minutes"), ['6:10 rule-file "A": "5 minutes" is no duration']],
    [rule("up >"), ["5:15 promql-syntax A: the expression ends too early"]],
    [
      "groups:\n- name: a\n  rules:\n  - record: a\n    expr: b\n  - record: a\n    expr: 'b '\n",
      ["6:13 duplicate-name a is there in line 4 already, with the same expression and labels"],
    ],
    // As kube-prometheus has them: each makes other series.
    [
      "groups:\n- name: a\n  rules:\n  - { record: a, expr: 'b{code=~\"2..\"}' }\n  - { record: a, expr: 'b{code=~\"5..\"}' }\n",
      [],
    ],
    [
      `${rule("up")}  - alert: A\n    expr: 'up  '\n`,
      ["6:12 duplicate-name A is there in line 4 already, with the same expression and labels"],
    ],
    [
      `${rule("up")}- name: a\n  rules: [{record: 'x:y', expr: up}]\n`,
      ['6:9 duplicate-name there is a group "a" in line 2 already: Prometheus refuses the file'],
    ],
    [
      rule("{{ .Values.limit }}"),
      ["5:11 rule-file this is a template (Helm, Jinja): render it, and check what comes out"],
    ],
    [
      "{%- for x in y %}\ngroups:\n",
      ["1:2 rule-file this is a template (Helm, Jinja): render it, and check what comes out"],
    ],
    ["groups: [\n", ["2:1 rule-file"]],
    ["a: 1\na: 2\n", ['2:1 rule-file the key "a" is there twice']],
    [
      "a: &a [*a]\ngroups: *a\n",
      ['1:1 rule-file the file: unknown key "a"', "1:7 rule-file a group must have a name and rules"],
    ],
    ["groups: *nothing\n", ["1:9 rule-file there is no anchor &nothing", "1:1 rule-file there is no list `groups`"]],
  ])("%j", (text, expected) => {
    const found = lint(text);
    expect(found).toHaveLength(expected.length);
    for (const [index, line] of expected.entries()) expect(found[index]).toContain(line);
  });

  test("two alerts of one name that differ are none", () => {
    const two = `${rule("up == 0")}  - alert: A\n    expr: up == 0\n    labels: {severity: critical}\n`;
    expect(lint(two)).toEqual([]);
    expect(lint(`${rule("up == 0")}  - {alert: A, expr: up == 1}\n`)).toEqual([]);
  });

  test("annotations have templates of their own", () => {
    const text = `${rule("up == 0")}    annotations:\n      summary: "{{ $labels.job }} {{ with $x }}{{ end }}"\n      description: |\n        {{ range query "up" }}x{{ end }}\n`;
    expect(lint(text)).toEqual([]);
  });
});

test("a PrometheusRule of Kubernetes is read, and what lies beside it is left alone", () => {
  const text = `kind: ConfigMap\ndata: {}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups:\n  - name: a\n    rules:\n    - alert: A\n      expr: redis_evicted_keys_total > 0\n`;
  expect(lint(text)).toEqual([expect.stringContaining("11:13 counter-without-rate")]);
  expect(readFileText("/a", "a", text)).toMatchObject({ isPlain: false, rules: [{ name: "A", group: "a", line: 10 }] });
});

test("aliases that unfold to a billion are not unfolded", () => {
  const levels = Array.from({ length: 9 }, (_, index) => `l${index + 1}: &l${index + 1} [${`*l${index},`.repeat(10)}]`);
  const text = `l0: &l0 [x]\n${levels.join("\n")}\ngroups: *l9\n`;
  expect(lint(text).at(-1)).toContain("a group must have a name and rules");
});

test("whatever the text, it is read and nothing is thrown", () => {
  const piece = fc.constantFrom(
    "groups:",
    "\n",
    "- ",
    "  ",
    "name: a",
    "rules:",
    "alert: A",
    "expr: up",
    "{{ x }}",
    "[",
    "}",
    "&a ",
    "*a",
    ": ",
    "|",
    "'",
    '"',
    "---\n",
    "\t",
    "!!x ",
    "? ",
    "\u0000",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      for (const line of lint(pieces.join(""))) expect(line).toMatch(/^\d+:\d+ /);
    }),
    { numRuns: 150 },
  );
});

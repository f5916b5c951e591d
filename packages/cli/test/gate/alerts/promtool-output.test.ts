import { expect, test } from "vitest";
import { checkProblems, testFailures } from "../../../src/gate/alerts/promtool-output.ts";

// As promtool 2.42 prints them; stderr follows stdout.

test("what promtool has against rules is told with line and column, once", () => {
  const said = `Checking /r/a.yml

Checking /r/b.yml
  FAILED:
/r/b.yml: 5:11: group "a", rule 1, "Lit": could not parse expression: 1:61: parse error: unexpected <op:>>
/r/b.yml: 5:11: group "a", rule 1, "Lit": could not parse expression: 1:61: parse error: unexpected <op:>>
/r/b.yml: yaml: line 3: did not find expected node content
/r/b.yml: yaml: unmarshal errors:
  line 4: field rulez not found in type rulefmt.RuleGroup
`;
  expect(checkProblems(said)).toEqual([
    {
      file: "/r/b.yml",
      line: 5,
      column: 11,
      message: 'group "a", rule 1, "Lit": could not parse expression: 1:61: parse error: unexpected <op:>>',
    },
    { file: "/r/b.yml", line: 3, column: null, message: "did not find expected node content" },
    {
      file: "/r/b.yml",
      line: 4,
      column: null,
      message: "yaml: unmarshal errors: line 4: field rulez not found in type rulefmt.RuleGroup",
    },
  ]);
  expect(checkProblems("  SUCCESS: 3 rules found\n")).toEqual([]);
});

test("a test that failed is told with what fired and what should have", () => {
  const said = `Unit Testing:  t.yml
  FAILED:
    name: fires,
    alertname: Lit, time: 4m, 
        exp:[
            0:
              Labels:{alertname="Lit", job="x", severity="critical"}
              Annotations:{}
            ], 
        got:[]
    alertname: Other One, time: 1h5m, 
        exp:[], 
        got:[
            0:
              Labels:{a="b", alertname="Lit"}
              Annotations:{},
            1:
              Labels:{a="b", alertname="Lit"}
              Annotations:{}
            ]
`;
  expect(testFailures(said)).toMatchObject([
    { test: "fires", alert: "Lit", time: "4m", expected: 1, got: 0 },
    { test: null, alert: "Other One", time: "1h5m", expected: 0, got: 2 },
  ]);
  expect(testFailures("Unit Testing:  t.yml\n  SUCCESS\n")).toEqual([]);
});

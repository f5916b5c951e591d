import { expect, test } from "vitest";
import { demands } from "../../../src/gate/alerts/demands.ts";
import { candidatesFor, probeAnswers, probeFiles } from "../../../src/gate/alerts/probe.ts";
import { readRuleFile } from "../../../src/gate/alerts/rule-file.ts";
import { resolveVariables } from "../../../src/gate/alerts/variables.ts";
import { article } from "../../../src/gate/config/presets/article.ts";

const demand = demands.find(({ id }) => id === "redis-memory")!;

function candidates(...exprs: readonly string[]) {
  const rules = exprs.map((expr, index) => ({ alert: `A${index}`, expr }));
  const { rules: read } = readRuleFile(JSON.stringify({ groups: [{ name: "a", rules }] }));
  return candidatesFor(demand, [{ display: "a.yml", rules: read }]);
}

const labelsOf = (matchers: string): unknown => candidates(`redis_memory_used_bytes{${matchers}} > 1`)[0]!.labels;

test.each([
  ["", { job: "server", instance: "server-1" }],
  ['job="redis-prod", le="1"', { job: "redis-prod", instance: "server-1" }],
  ['cluster=~"eu|us"', { cluster: "eu", job: "server", instance: "server-1" }],
  ['cluster=~"(eu|us)-1"', { cluster: "us-1", job: "server", instance: "server-1" }],
  ['job=~"redis.*"', { job: "redis", instance: "server-1" }],
  ['job=~".+", job!="server"', { job: "serverx", instance: "server-1" }],
  ['job!~"serv.*", env!="dev"', { job: "serverx", instance: "server-1" }],
  ['host=~"[0-9]{4}"', null],
  // Each would take longer than anybody waits.
  [`host=~"(a|a)*b|${"a".repeat(100)}"`, null],
  [`host=~"${".*".repeat(50)}b"`, null],
  ['host=~"("', null],
])("labels for {%s}", (matchers, labels) => {
  expect(labelsOf(matchers)).toEqual(labels);
});

test("alerts that want the same series share a test, and of those beyond a thousand none is tried", () => {
  const found = candidates(
    ...Array.from({ length: 1005 }, (_, index) => `redis_memory_used_bytes > ${index}`),
    "up == 0",
  );
  expect(found).toHaveLength(1005);
  expect(found.filter(({ labels }) => labels === null)).toHaveLength(5);
  const { variables } = resolveVariables(article);
  const { tests } = probeFiles(found.slice(0, 500), variables, "r.json") as { tests: { tests: unknown[] } };
  expect(tests.tests).toHaveLength(3);
});

test("what promtool says of each", () => {
  const said = `  FAILED:
    expr: "a > 0\\n# snowshed bad 1", time: 35m,
        exp: nil
        got: {__name__="a"} 1E+00
    expr: "nofn(a)\\n# snowshed good 3", time: 1h5m, err: 1:1: parse error: unknown function
`;
  expect([...probeAnswers(said)]).toEqual([
    ["bad 1", true],
    ["good 3", null],
  ]);
});

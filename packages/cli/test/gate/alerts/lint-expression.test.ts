import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lintExpression } from "../../../src/gate/alerts/lint-expression.ts";
import { parseExpression } from "../../../src/gate/alerts/promql.ts";

const commit = "etcd_disk_backend_commit_duration_seconds";

function lint(text: string, ...recorded: string[]): string[] {
  return lintExpression(parseExpression(text), new Set(recorded)).map(({ rule, offset }) => `${rule} ${offset}`);
}

describe("finds", () => {
  test.each([
    // The article's rule, to the letter.
    [`${commit}{quantile="0.99"} > 1`, ["quantile-on-histogram 0"]],
    [`max by (job) (${commit}) > 1`, ["bare-histogram 14"]],
    [`{__name__="${commit}", quantile="0.99"} > 1`, ["quantile-on-histogram 0"]],
    ["redis_memory_used_bytes / redis_memory_max_bytes > 0.75", ["unguarded-divisor 26"]],
    ["(redis_memory_used_bytes / redis_memory_max_bytes) * 100 > 75", ["unguarded-divisor 27"]],
    ["redis_memory_used_bytes / sum by (job) (redis_memory_max_bytes) > 0.75", ["unguarded-divisor 26"]],
    ["redis_memory_used_bytes / (redis_memory_max_bytes > bool 0) > 0.75", ["unguarded-divisor 26"]],
    ["rate(redis_memory_used_bytes[5m]) > 5", ["rate-on-gauge 0"]],
    ["sum(increase(redis_connected_clients[5m] offset 1h)) > 5", ["rate-on-gauge 4"]],
    ["redis_evicted_keys_total > 0", ["counter-without-rate 0"]],
    ["sum by (job) (redis_evicted_keys_total) > 0", ["counter-without-rate 14"]],
    [`histogram_quantile(0.99, sum by (job) (rate(${commit}_bucket[5m]))) > 1`, ["quantile-without-le 25"]],
    [`histogram_quantile(0.99, sum(rate(${commit}_bucket[5m]))) > 1`, ["quantile-without-le 25"]],
    [`histogram_quantile(0.99, sum without (le) (rate(${commit}_bucket[5m]))) > 1`, ["quantile-without-le 25"]],
    [`histogram_quantile(0.99, rate(${commit}_sum[5m])) > 1`, ["quantile-without-le 30"]],
    [`histogram_quantile(0.99, ${commit}_bucket) > 1`, ["quantile-without-rate 0"]],
    ["rate(redis_evicted_keys_total) > 0", ["range-missing 0"]],
    ["avg_over_time(up) < 1", ["range-missing 0"]],
    ["redis_memory_used_bytes / (redis_memory_max_bytes >= 0) > 0.75", ["unguarded-divisor 26"]],
    ["redis_memory_use_bytes > 5", ["unknown-series 0"]],
    ["snowshed_shed_total > 5", ["unknown-series 0"]],
  ])("%s", (text, expected) => {
    expect(lint(text)).toEqual(expected);
  });

  test.each([
    ["", "the expression is empty"],
    ["# nothing", "the expression ends too early"],
    ["up >", "the expression ends too early"],
    ["sum(rate(up[5m])", "the expression ends too early"],
    ["up >> 1", 'unexpected ">"'],
    ["up foo", 'unexpected "foo"'],
    ["x".repeat(100_000), "100000 characters"],
    ['up{a="b}', "ends too early"],
  ])("no PromQL: %s", (text, message) => {
    const [problem] = lintExpression(parseExpression(text), new Set());
    expect(problem).toMatchObject({ rule: "promql-syntax", message: expect.stringContaining(message) as string });
  });

  test("a correction that can be pasted in, and has nothing wrong with it", () => {
    const [problem] = lintExpression(parseExpression(`${commit}{quantile="0.95"} > 1`), new Set());
    expect(problem!.fix).toContain("histogram_quantile(0.95");
    expect(lint(`${problem!.fix!} > 1`)).toEqual([]);
  });
});

describe("lets pass", () => {
  test.each([
    `histogram_quantile(0.99, sum by (job, le) (rate(${commit}_bucket[5m]))) > 1`,
    `histogram_quantile(0.99, sum without (instance) (rate(${commit}_bucket[5m]))) > 1`,
    `rate(${commit}_sum[5m]) / rate(${commit}_count[5m]) > 0.1`,
    "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.75",
    "redis_memory_used_bytes / (redis_memory_max_bytes != 0) > 0.75",
    "redis_memory_used_bytes / clamp_min(redis_memory_max_bytes, 1) > 0.75",
    "redis_memory_used_bytes / redis_memory_max_bytes > 0.75 and redis_memory_max_bytes > 0",
    "redis_memory_used_bytes / redis_memory_max_bytes > 0.75 unless redis_memory_max_bytes == 0",
    "redis_memory_used_bytes / redis_memory_max_bytes < Inf > 0.75",
    "rate(redis_evicted_keys_total[5m]) > 0",
    "increase(redis_evicted_keys_total[5m:1m]) > 0",
    "absent(redis_evicted_keys_total) == 1",
    "count(redis_evicted_keys_total) < 3",
    "resets(redis_evicted_keys_total[1h]) > 3",
    "rate(kafka_consumergroup_current_offset[5m]) == 0",
    "rate(etcd_server_proposals_committed_total[5m]) < 1",
    "quantile_over_time(0.9, redis_connected_clients[1h]) > 5",
    'some_metric{quantile="0.99"} > 1',
    // A native histogram has no series of buckets.
    "histogram_quantile(0.99, sum by (job) (rate(http_request_duration_seconds[5m]))) > 1",
    "histogram_quantile(0.99, sum by (job) (job:latency:rate5m)) > 1",
    `histogram_quantile(0.99, topk(3, rate(${commit}_bucket[5m]))) > 1`,
    `histogram_quantile(0.99, sum by (le) (rate(${commit}_bucket{job=~"a|b"}[5m] @ end() offset 1h))) > 1`,
    `# why\nhistogram_quantile(0.99, sum(rate(${commit}_bucket[5m])) by (le)) # and how\n > 1`,
    "rate(redis_evicted_keys_total[5m] smoothed) > 0",
    "increase(redis_evicted_keys_total[5m] anchored offset 5m) > 0",
    "max_over_time(rate(redis_evicted_keys_total[5m])[1h:1m]) > 0",
    // As etcd's own rules have it: its quota has a default.
    "etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes > 0.95",
    // Of the API server of Kubernetes.
    "rate(etcd_request_errors_total[5m]) > 0",
    'redis_sentinel_master_status{master_status!="ok"} == 1',
    "redis_cluster_size < 3",
    "redis_aof_current_size_bytes > 5",
    "etcd_debugging_anything > 1",
    "kafka_server_replicamanager_isrshrinks_total > 1",
    "vector(1)",
    "up == 0",
  ])("%s", (text) => {
    expect(lint(text)).toEqual([]);
  });

  test("what a recording rule of the same files makes", () => {
    expect(lint("redis_memory_share > 1")).toEqual(["unknown-series 0"]);
    expect(lint("redis_memory_share > 1", "redis_memory_share")).toEqual([]);
  });
});

test("whatever is written, something is said of it and nothing is thrown", () => {
  const piece = fc.constantFrom(
    "sum",
    "rate",
    "(",
    ")",
    "[5m]",
    "up",
    "{",
    "}",
    'a="b"',
    ">",
    "/",
    "by",
    "0.5",
    ",",
    " ",
    '"',
    "\\",
    "é",
    "\n",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const text = pieces.join("");
      for (const { offset, message } of lintExpression(parseExpression(text), new Set())) {
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(offset).toBeLessThanOrEqual(text.length);
        expect(message).not.toBe("");
      }
    }),
    { numRuns: 150 },
  );
});

test("brackets a thousand deep are read, and four thousand do not end the process", () => {
  const deep = (levels: number): string => `${"(".repeat(levels)}up${")".repeat(levels)} / redis_memory_max_bytes > 1`;
  expect(lint(deep(1000))).toEqual(["unguarded-divisor 2005"]);
  expect(lint(deep(4000))[0]).toMatch(/^promql-syntax /);
});

// Chapter 5: "the boundary of consistency must be declared": SET order_status processing EX 300 NX, then WAIT 3 5000, checked before a release, and what
// the check is about shown on a real Redis.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RedisServer } from "../../../snowshed/test/support/redis.ts";
import { startRedis, until } from "../../../snowshed/test/support/redis.ts";
import type { GateReport } from "../../src/gate/report/gate-report.ts";
import { temporaryFolder } from "../support/folders.ts";
import { run } from "../support/memory-io.ts";

interface Declared {
  readonly command?: string;
  readonly wait?: string | null;
  readonly replicas?: number;
  readonly consistency?: "eventual" | "linearizable";
}

const articleWait = "replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true";

/** The rules of the boundary that block, by the article's own numbers. */
async function blockedBy({
  command = "SET order_status processing EX 300 NX",
  wait = articleWait,
  replicas = 3,
  consistency = "eventual",
}: Declared): Promise<{ readonly code: number; readonly rules: readonly string[] }> {
  const file = path.join(temporaryFolder(), "snowshed.yaml");
  const written = wait === null ? "" : `, wait: { ${wait} }`;
  writeFileSync(
    file,
    `version: 1
extends: snowshed:article
workloads:
  orders:
    { writesPerSecond: 800, ordering: none, consistency: ${consistency}, store: redis-sentinel,
      topology: { replicas: ${replicas} }, write: { command: "${command}"${written} } }
`,
  );
  const { code, stdout } = await run(["gate", "audit", "-c", file, "-o", "json"]);
  const stages = (JSON.parse(stdout) as GateReport).stages;
  const findings = stages.flatMap((stage) => stage.findings).filter(({ severity }) => severity === "error");
  expect(findings.every(({ path: [section] }) => section === "workloads")).toBe(true);
  return { code, rules: findings.map(({ rule }) => rule.replace("audit/", "")) };
}

describe("R16: the boundary is declared", () => {
  test("as the article does it, it passes", async () => {
    expect(await blockedBy({})).toEqual({ code: 0, rules: [] });
  });

  test.each<[string, Declared, readonly string[]]>([
    ["no WAIT at all", { wait: null }, ["wait-missing"]],
    ["fewer replicas than WAIT asks for", { replicas: 2 }, ["wait-replicas-exceed-topology"]],
    ["WAIT 2", { wait: articleWait.replace("3", "2") }, ["wait-below-preset"]],
    ["WAIT 3 6000", { wait: articleWait.replace("5000", "6000") }, ["wait-below-preset"]],
    ["WAIT 3 0", { wait: articleWait.replace("5000", "0") }, ["wait-for-ever"]],
    ["a shortfall that is ignored", { wait: articleWait.replace("compensate", "ignore") }, ["wait-shortfall"]],
    ["WAIT on another connection", { wait: articleWait.replace("true", "false") }, ["wait-same-connection"]],
    ["a claim without an expiry", { command: "SET order_status processing NX" }, ["claim-without-expiry"]],
    ["a claim that ends before WAIT does", { command: "SET order_status processing EX 5 NX" }, ["wait-outlives-claim"]],
  ])("%s blocks the release", async (_, declared, rules) => {
    expect(await blockedBy(declared)).toEqual({ code: 1, rules });
  });
});

describe("R16: what is checked is true of a real Redis with one replica", () => {
  let master: RedisServer;
  let replica: RedisServer;

  beforeAll(async () => {
    master = await startRedis();
    replica = await startRedis({
      args: ["--replicaof", "127.0.0.1", String(master.port), "--repl-diskless-sync-delay", "0"],
    });
    await until(async () => (await master.cli("info", "replication")).includes("state=online"), "the replica follows");
  }, 60_000);

  afterAll(() => Promise.all([master.stop(), replica.stop()]));

  test("WAIT for more replicas than there are falls short, without an error, and the value stays", async () => {
    const { default: ioredis } = await import("ioredis");
    const client = new ioredis.Redis(master.port, "127.0.0.1");
    try {
      expect(await client.set("order_status", "processing", "EX", 300, "NX")).toBe("OK");
      expect(await client.wait(1, 5000)).toBe(1);
      expect(await client.wait(2, 50)).toBe(1);
      expect(await client.get("order_status")).toBe("processing");
    } finally {
      client.disconnect();
    }
  });

  test("WAIT on another connection answers at once, though the replica is frozen; on the write's own it falls short", async () => {
    const { default: ioredis } = await import("ioredis");
    const [writer, other] = [new ioredis.Redis(master.port, "127.0.0.1"), new ioredis.Redis(master.port, "127.0.0.1")];
    try {
      await writer.wait(1, 5000);
      process.kill(replica.pid, "SIGSTOP");
      await writer.set("another", "1", "EX", 30, "NX");
      expect(await other.wait(1, 0)).toBe(1);
      expect(await writer.wait(1, 50)).toBe(0);
    } finally {
      process.kill(replica.pid, "SIGCONT");
      writer.disconnect();
      other.disconnect();
    }
  });
});

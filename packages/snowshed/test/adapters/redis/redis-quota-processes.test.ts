// One quota, several real processes of the built package, one of which is killed.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Gone } from "../../support/rate-check.ts";
import { excess } from "../../support/rate-check.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis, until } from "../../support/redis.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server?.stop());

const limits = [
  { requests: 400, per: "1s", burst: 15 },
  { requests: 7, per: "20ms", burst: 40 },
];

/** Prints what it was granted, a line for each: when it might go, and its weight. */
function program(port: number, isNodeRedis: boolean, options: object): string {
  const client = isNodeRedis
    ? `const client = createClient({ socket: { port: ${port} } }); await client.connect();`
    : `const client = new Redis(${port});`;
  return `
    import { createClient } from "redis";
    import { Redis } from "ioredis";
    import { RedisQuota } from "snowshed/redis";
    ${client}
    client.on("error", () => {});
    const quota = new RedisQuota(client, "shared", ${JSON.stringify({ limits, ...options })});
    let isOver = false;
    process.on("SIGTERM", () => { isOver = true; });
    const work = async (weight) => {
      while (!isOver) {
        const permit = await quota.permit(weight);
        process.stdout.write(permit.at + " " + permit.weight + "\\n");
        if (Math.random() < 0.05) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await Promise.all([work(1), work(1), work(2), work(3)]);
    await quota.close();
    ${isNodeRedis ? "client.destroy();" : "client.disconnect();"}
  `;
}

interface Worker {
  readonly child: ChildProcess;
  readonly gone: readonly Gone[];
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

function startWorker(code: string): Worker {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], { cwd: root });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const gone: Gone[] = [];
  let rest = "";
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = `${rest}${String(chunk)}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [at = 0, weight = 0] = line.split(" ").map(Number);
      gone.push({ at, weight });
    }
  });
  child.stderr.on("data", (chunk: Buffer) => {
    said += String(chunk);
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", resolve);
  });
  return { child, gone, said: () => said, ended };
}

const sum = (gone: readonly Gone[]): number => gone.reduce((total, { weight }) => total + weight, 0);

test.each([
  ["each asks", [{}, {}, {}, {}]],
  ["two of them take blocks", [{ block: 10 }, {}, { block: 20 }, {}]],
])("no window is overfull, and the others go on without the one that died: %s", { timeout: 60_000 }, async (_, all) => {
  await server.cli("flushall");
  const workers = all.map((options, index) => startWorker(program(server.port, index % 2 === 1, options)));
  const [first, ...others] = workers as [Worker, ...Worker[]];
  const each = (): string => workers.map(({ said }) => said()).join("");
  await until(() => workers.every(({ gone }) => gone.length > 40) || each() !== "", "all of them work");
  expect(each()).toBe("");
  first.child.kill("SIGKILL");
  await first.ended;
  const before = others.map(({ gone }) => gone.length);
  await until(() => others.every(({ gone }, index) => gone.length > before[index]! + 60), "the others go on");
  for (const { child } of others) child.kill("SIGTERM");
  expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([0, 0, 0]);

  const gone = workers.flatMap((worker) => worker.gone);
  expect(excess(gone, 400, 1_000_000, 15)).toBeLessThanOrEqual(1e-9);
  expect(excess(gone, 7, 20_000, 40)).toBeLessThanOrEqual(1e-9);
  expect(sum(gone)).toBeGreaterThan(300);
  // It would be found: the same with half of the rate is overfull.
  expect(excess(gone, 200, 1_000_000, 15)).toBeGreaterThan(0);
});

// useLeakCheck() in real runs of vitest, node:test and jest: which tests fail, and what is said.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
// oxlint-disable-next-line vitest/no-import-node-test -- for the types of its hooks
import type * as nodeTest from "node:test";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunnerHook } from "snowshed/testing";
import { useLeakCheck } from "snowshed/testing";
import type * as vitest from "vitest";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const require = createRequire(import.meta.url);
let folder: string;

beforeAll(() => {
  mkdirSync(join(root, ".tmp"), { recursive: true });
  folder = mkdtempSync(join(root, ".tmp", "leak-check-"));
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const body = `
const shared = new Semaphore(2, { name: "shared" });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Does not keep the runner from ending.
const hour = () => new Promise((resolve) => setTimeout(resolve, 3_600_000).unref());

test("ends what it began", async () => {
  const group = new Group();
  group.go(() => sleep(5));
  await shared.run(() => group.wait());
});
test("ends shortly after", () => {
  new WaitGroup().go(() => sleep(20));
});
test("leaves a task that runs", () => {
  new WaitGroup().go(hour, { name: "slow" });
});
test("leaves a task that can never end", () => {
  new WaitGroup().go(() => new Promise(() => {}), { name: "lost" });
});
test("leaves a permit", async () => {
  await shared.acquire();
});
test("leaves somebody who waits", () => {
  void new Channel(0, { name: "letters" }).receive();
});
test("leaves what it may", () => {
  new WaitGroup().go(hour, { name: "heartbeat 1" });
});
test("leaves nothing, after all those", () => {});
`;

const leaking = [
  "leaves a task that runs",
  "leaves a task that can never end",
  "leaves a permit",
  "leaves somebody who waits",
];
const clean = ["ends what it began", "ends shortly after", "leaves what it may", "leaves nothing, after all those"];

const imports =
  'import { Channel, Group, Semaphore, WaitGroup } from "snowshed";\nimport { useLeakCheck } from "snowshed/testing";\n';
const options = "ignore: [/^heartbeat/], timeout: 100";

function run(args: readonly string[]): Promise<string> {
  const { VITEST: _, VITEST_POOL_ID: _id, VITEST_WORKER_ID: _worker, NODE_OPTIONS: _options, ...rest } = process.env;
  const env = { ...rest, NO_COLOR: "1", FORCE_COLOR: "0", NODE_ENV: "test" };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env, timeout: 60_000, maxBuffer: 1e8 }, (error, stdout, stderr) =>
      resolve(`${stdout}\n${stderr}${error?.killed ? "\nkilled" : ""}`),
    );
  });
}

interface Outcome {
  readonly failed: readonly string[];
  readonly passed: readonly string[];
  readonly text: string;
}

/** What jest and vitest write with `--json`. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

function read(output: string): Outcome {
  const start = output.indexOf('{"num');
  const report = JSON.parse(output.slice(start, output.indexOf("\n", start))) as Report;
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const titles = (wanted: string): string[] =>
    results.filter(({ status }) => status === wanted).map(({ title }) => title);
  return {
    failed: titles("failed"),
    passed: titles("passed"),
    text: results.flatMap(({ failureMessages }) => failureMessages).join("\n"),
  };
}

describe.concurrent("the tests that leave something fail, and only they", () => {
  const check = ({ failed, passed, text }: Outcome): void => {
    expect(failed).toEqual(leaking);
    expect(passed).toEqual(clean);
    expect(text).toMatch(/task "slow" made at .*a\.test\.js:\d+:\d+: still runs/);
    expect(text).toMatch(/task "lost" made at .*a\.test\.js:\d+:\d+: can never end/);
    expect(text).toContain('1 of the semaphore "shared" is still held');
    expect(text).toContain('somebody waits for the channel "letters"');
  };

  test("vitest", { timeout: 60_000 }, async () => {
    const place = join(folder, "vitest");
    mkdirSync(place);
    const code = `import { afterEach, beforeEach, test } from "vitest";\n${imports}useLeakCheck({ beforeEach, afterEach, ${options} });${body}`;
    writeFileSync(join(place, "a.test.js"), code);
    writeFileSync(join(place, "vitest.config.js"), "export default { test: { maxWorkers: 1 } };");
    const bin = join(dirname(require.resolve("vitest/package.json")), "vitest.mjs");
    check(read(await run([bin, "run", "--root", place, "--reporter=json"])));
  });

  test("jest, by its globals", { timeout: 60_000 }, async () => {
    const place = join(folder, "jest");
    mkdirSync(place);
    writeFileSync(join(place, "package.json"), '{ "private": true, "type": "module" }');
    writeFileSync(join(place, "a.test.js"), `${imports}useLeakCheck({ ${options} });${body}`);
    const config = { rootDir: place, transform: {}, testMatch: ["**/*.test.js"], watchman: false };
    const jest = join(dirname(require.resolve("jest/package.json")), "bin/jest.js");
    const args = ["--experimental-vm-modules", "--no-warnings", jest, "--json", "--runInBand", "--forceExit"];
    check(read(await run([...args, "--config", JSON.stringify(config)])));
  });

  test("node:test", { timeout: 60_000 }, async () => {
    const place = join(folder, "node");
    mkdirSync(place);
    const code = `import { afterEach, beforeEach, test } from "node:test";\n${imports}useLeakCheck({ beforeEach, afterEach, ${options} });${body}`;
    writeFileSync(join(place, "a.test.js"), code);
    const output = await run(["--test", "--test-reporter=tap", join(place, "a.test.js")]);
    const titles = (line: RegExp): string[] => [...output.matchAll(line)].map(([, title = ""]) => title);
    const known = new Set([...leaking, ...clean]);
    const failed = titles(/^ *not ok \d+ - (.*)$/gm).filter((title) => known.has(title));
    check({ failed, passed: titles(/^ *ok \d+ - (.*)$/gm).filter((title) => known.has(title)), text: output });
  });
});

test("the hooks of runners have the type that is taken", () => {
  expectTypeOf<typeof nodeTest.beforeEach>().toExtend<RunnerHook>();
  expectTypeOf<typeof nodeTest.afterEach>().toExtend<RunnerHook>();
  expectTypeOf<typeof vitest.beforeEach>().toExtend<RunnerHook>();
  expectTypeOf<typeof vitest.afterEach>().toExtend<RunnerHook>();
});

describe("arguments", () => {
  const hook = (): void => {};
  test.each([
    ["no hooks, and no globals", {}],
    ["a hook that is none", { beforeEach: hook, afterEach: 1 }],
    ["a list that is none", { beforeEach: hook, afterEach: hook, ignore: "all" }],
    ["something that is no pattern", { beforeEach: hook, afterEach: hook, ignore: [1] }],
    ["retries that cannot be counted", { beforeEach: hook, afterEach: hook, retries: Number.NaN }],
    ["negative retries", { beforeEach: hook, afterEach: hook, retries: -1 }],
    ["a timeout of nothing", { beforeEach: hook, afterEach: hook, timeout: "soon" }],
    ["a negative timeout", { beforeEach: hook, afterEach: hook, timeout: -1 }],
  ])("%s", (_what, given) => {
    expect(() => useLeakCheck(given as never)).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error,
    );
  });
});

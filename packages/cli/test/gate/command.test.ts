// The command as people and pipelines call it.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { jsonSchema, loadConfig } from "../../src/gate/config/load.ts";
import type { GateReport } from "../../src/gate/report/gate-report.ts";
import { rules } from "../../src/gate/rules/index.ts";
import { shell, start } from "../support/child.ts";
import { temporaryFolder } from "../support/folders.ts";
import { run } from "../support/memory-io.ts";

function written(text: string): string {
  const file = path.join(temporaryFolder(), "snowshed.yaml");
  writeFileSync(file, text);
  return file;
}

const parse = (text: string): GateReport => JSON.parse(text) as GateReport;

describe("snowshed gate", () => {
  test.each(["article", "recommended"])(
    "init writes a file that passes with the preset %s, and never over one",
    async (preset) => {
      const folder = temporaryFolder();
      mkdirSync(path.join(folder, "deploy"));
      const file = path.join(folder, "snowshed.yaml");
      writeFileSync(path.join(folder, "deploy", "redis.conf"), "maxmemory 1gb\nmaxmemory-policy noeviction\n");
      expect(await run(["gate", "init", "-c", file, "--preset", preset])).toMatchObject({ code: 0, stdout: "" });
      const text = readFileSync(file, "utf8");
      expect(text).toMatch(/^# yaml-language-server: \$schema=/);
      expect(text).toContain("redis: [deploy/redis.conf]");
      const { config } = await loadConfig(file);
      expect(config.extends).toBe(`snowshed:${preset}`);
      expect((await run(["gate", "-c", file, "--only", "advise"])).code).toBe(0);
      const again = await run(["gate", "init", "-c", file]);
      expect(again).toMatchObject({ code: 2, stderr: `snowshed: ${file} is there already\n` });
      expect(readFileSync(file, "utf8")).toBe(text);
    },
  );

  test("init beside a compose file without services: the gate passes", async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, "compose.yaml"), "services: {}\n");
    const file = path.join(folder, "snowshed.yaml");
    await run(["gate", "init", "-c", file]);
    const { code, stdout } = await run(["gate", "-c", file]);
    expect(stdout).not.toContain("malformed-file");
    expect(stdout).toContain("compose.yaml has no services");
    expect(code).toBe(0);
  });

  test("an exception from a file is relative to the configuration", async () => {
    const exception = "{ rule: audit/redis-open-to-all, path: redis.conf, reason: r, owner: o, until: 2999-01-01 }";
    const file = written(`version: 1\nfiles: { redis: [redis.conf] }\nexceptions: [${exception}]\n`);
    writeFileSync(path.join(path.dirname(file), "redis.conf"), "protected-mode no\n");
    const report = parse((await run(["gate", "-c", file, "-o", "json"])).stdout);
    expect(report.exceptions).toMatchObject([{ used: 1 }]);
    const found = report.stages.flatMap(({ findings }) => findings);
    expect(found.find(({ rule }) => rule === "audit/redis-open-to-all")).toMatchObject({ status: "excepted" });
  });

  test("a file that cannot be used: each mistake on a line of stderr with its place, and in the reports", async () => {
    const file = written("version: 1\nworkload: {}\nenvironment: 3\n");
    const sarif = path.join(path.dirname(file), "gate.sarif");
    const { code, stderr, stdout } = await run(["gate", "-c", file, "-o", `sarif=${sarif}`]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.split("\n")).toEqual([
      `snowshed: ${file}:2:1: unknown key "workload"; did you mean "workloads"?`,
      `snowshed: ${file}:3:14: environment must be a text`,
      "",
    ]);
    const { runs } = JSON.parse(readFileSync(sarif, "utf8")) as { runs: { results: { ruleId: string }[] }[] };
    expect(runs[0]!.results.map(({ ruleId }) => ruleId)).toEqual(["config/unknown-key", "config/invalid-value"]);
  });

  test.each([
    [["--only", "advise,chaoss"], 'there is no stage "chaoss"'],
    [["--output", "xml"], 'there is no format "xml"'],
    [["--fail-on", "info"], "Allowed choices are error, warning"],
    [["--onli", "advise"], "unknown option '--onli' (Did you mean --only?)"],
    [["advize"], 'gate has no command "advize"; did you mean "advise"?'],
    [["-c", "x.yaml", "advise"], "--config goes after the name: snowshed gate advise --config"],
    [["rule", "explain", "advise/store-is-leaf"], 'did you mean "advise/store-is-the-leaf"?'],
    [["-c", "/nowhere/snowshed.yaml"], "the configuration is not there; `snowshed gate init` writes one"],
  ])("wrong usage: %j", async (args, message) => {
    const { code, stderr } = await run(["gate", ...args]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  test("a named pipe where the rules are to be is not waited for", async () => {
    const file = written("version: 1\nalerts: { out: rules.yml }\n");
    execFileSync("mkfifo", [path.join(path.dirname(file), "rules.yml")]);
    const { code, stdout } = await run(["gate", "-c", file]);
    expect(code).toBe(0);
    expect(stdout).toContain("rules/not-built");
  });

  test("of a file with thousands of mistakes the first hundred are said", async () => {
    const file = written(`version: 1\n${Array.from({ length: 3000 }, (_, index) => `key${index}: 1\n`).join("")}`);
    const { code, stderr, stdout } = await run(["gate", "-c", file, "-o", "json"]);
    expect(code).toBe(2);
    expect(stderr.trim().split("\n")).toHaveLength(101);
    expect(stderr).toMatch(/snowshed: and 2900 more; --output json has all\n$/);
    expect(parse(stdout).counts.error).toBe(3000);
  });

  test("--only may be given again, and means all that are named", async () => {
    const args = ["gate", "-c", written("version: 1\n"), "-o", "json"];
    const { stages } = parse((await run([...args, "--only", "rules", "--only", "advise,rules"])).stdout);
    expect(stages.map(({ stage }) => stage)).toEqual(["config", "advise", "rules"]);
  });

  test("schema prints the schema, rule list and rule explain the rules", async () => {
    expect(JSON.parse((await run(["gate", "schema"])).stdout)).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
    const { stdout } = await run(["gate", "rule", "list"]);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ", 1)[0]),
    ).toEqual(rules.map(({ meta }) => meta.id));
    const json = JSON.parse((await run(["gate", "rule", "list", "--stage", "advise", "--json"])).stdout) as {
      stage: string;
    }[];
    expect(new Set(json.map(({ stage }) => stage))).toEqual(new Set(["advise"]));
    const explained = (await run(["gate", "rule", "explain", "advise/store-is-the-leaf"])).stdout;
    expect((await run(["gate", "rule", "advise/store-is-the-leaf"])).stdout).toBe(explained);
    for (const part of ["Why: ", "Fix: ", "See: the article, chapter 5", "origin    article"])
      expect(explained).toContain(part);
  });

  test("doctor names what is missing and how to install it", async () => {
    const folder = temporaryFolder();
    const { code, stdout } = await run(["gate", "doctor", "--json"], { env: { PATH: folder } });
    expect(code).toBe(0);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; found: string | null; hint: string }[] };
    const missing = checks.find(({ name }) => name === "promtool")!;
    expect(missing.found).toBeNull();
    expect(missing.hint).toContain("apt-get install");
    writeFileSync(path.join(folder, "promtool"), "#!/bin/sh\n", { mode: 0o755 });
    const again = (await run(["gate", "doctor"], { env: { PATH: folder } })).stdout;
    expect(again).toContain(path.join(folder, "promtool"));
  });
});

/** 500 workloads, connections and exceptions; every other workload is in the wrong store. */
function large(): string {
  const lines = ["version: 1", "workloads:"];
  for (let n = 0; n < 500; n++) {
    const store = n % 2 === 0 ? "kafka" : "etcd";
    lines.push(`  w${n}: { writesPerSecond: ${n}, ordering: none, consistency: linearizable, store: ${store} }`);
  }
  lines.push("connections:");
  for (let n = 0; n < 500; n++) lines.push(`  c${n}: { max: 200, perProcess: 4, processes: 12 }`);
  lines.push("exceptions:");
  for (let n = 0; n < 250; n++) {
    lines.push(
      `  - { rule: advise/store-is-the-leaf, reason: r, owner: o, until: 2999-01-01, path: workloads.w${4 * n} }`,
    );
  }
  return `${lines.join("\n")}\n`;
}

test("500 workloads, 500 connections, 250 findings: less than a second of computing, every place right", async () => {
  const file = written(large());
  await run(["gate", "-c", file, "-o", "json"]);
  const before = process.cpuUsage();
  const { stdout } = await run(["gate", "-c", file, "-o", "json"]);
  const { user, system } = process.cpuUsage(before);
  const report = parse(stdout);
  const wrong = report.stages[1]!.findings.filter(({ rule }) => rule === "advise/store-is-the-leaf");
  expect(wrong).toHaveLength(250);
  expect(wrong.filter(({ status }) => status === "excepted")).toHaveLength(125);
  for (const { path: place, line } of wrong) expect(line).toBe(Number(String(place[1]).slice(1)) + 3);
  expect((user + system) / 1000).toBeLessThan(1000);
});

test("two gates at once on one folder: each reports its own, and files are whole", async () => {
  const file = written(large());
  const folder = path.dirname(file);
  const out = ["-o", `json=${path.join(folder, "gate.json")}`, "-o", `junit=${path.join(folder, "gate.xml")}`];
  const args = ["gate", "--only", "advise", "-q", "-c", file, ...out];
  const ended = await Promise.all([start(args).ended, start(args).ended]);
  expect(ended.map(({ code }) => code)).toEqual([1, 1]);
  expect(ended[0].stdout).toBe(ended[1].stdout);
  expect(parse(readFileSync(path.join(folder, "gate.json"), "utf8")).verdict).toBe("blocked");
  expect(readFileSync(path.join(folder, "gate.xml"), "utf8")).toMatch(/<\/testsuites>\n$/);
  expect(readdirSync(folder).toSorted()).toEqual(["gate.json", "gate.xml", "snowshed.yaml"]);
});

describe("start-up", () => {
  /** The modules a run of the built command line has loaded, as V8 reports them: packages and modules of Node by their name. */
  async function loadedBy(args: string): Promise<readonly string[]> {
    const folder = temporaryFolder();
    await shell(`$SNOWSHED ${args}`, { NODE_V8_COVERAGE: folder });
    const [name] = readdirSync(folder);
    const { result } = JSON.parse(readFileSync(path.join(folder, name!), "utf8")) as { result: { url: string }[] };
    const names = result.map(({ url }) =>
      (url.startsWith("file:") ? fileURLToPath(url) : url)
        .replace(/^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/.*$/, "$1")
        .replace(/^.*\/packages\/snowshed\/dist\/.*$/, "snowshed")
        .replace(/^.*\/packages\/cli\/dist\//, ""),
    );
    return [...new Set(names)];
  }

  // A file is about half a millisecond, the library 15 ms, node:http 10: all of node's own start is 30 to 70.
  test.each([
    ["--help", ["main.js"]],
    ["gate --help", ["commands/gate.js", "commands/gate-tools.js"]],
    ["gate capacity run --help", ["commands/gate-capacity.js", "commands/option-values.js"]],
    ["fetch --help", ["commands/fetch.js", "commands/option-values.js"]],
    ["ps --help", ["commands/show.js", "commands/look-options.js"]],
    ["--version", ["main.js"]],
    ["no-such-command", ["main.js"]],
    ["gate no-such-command", ["commands/gate.js"]],
    ["gate schema", ["commands/gate-schema.js"]],
  ])("%s takes commander, in one file, and a few small modules", async (args, expected) => {
    const modules = await loadedBy(args);
    const own = modules.filter((name) => name.endsWith(".js"));
    for (const name of ["commander.js", ...expected]) expect(own).toContain(name);
    expect(own.length).toBeLessThan(13);
    expect(modules.filter((name) => !name.endsWith(".js") && !name.startsWith("node:"))).toEqual([]);
    for (const name of ["node:http", "node:crypto", "node:zlib", "node:tls"]) expect(modules).not.toContain(name);
    // An import of node:process or node:fs reads all that these offer, and so loads what nobody asked for.
    for (const name of ["node:internal/process/report", "node:internal/fs/streams"])
      expect(modules).not.toContain(name);
  });

  test("the gate itself loads what it needs, and no client of a server", async () => {
    const file = written("version: 1\n");
    const modules = await loadedBy(`gate --only advise -c ${file}`);
    // The control of what the others do not load.
    for (const name of ["node:internal/process/report", "node:internal/fs/streams"]) expect(modules).toContain(name);
    for (const name of ["yaml", "zod", "gate/gate-run.js", "node:crypto"]) expect(modules).toContain(name);
    for (const name of ["ioredis", "undici", "kafkajs", "@grpc/grpc-js"]) expect(modules).not.toContain(name);
  });
});

// What people and programs write into the file: each mistake is named with its line, its column and what was meant.
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/gate/config/config-error.ts";
import { loadConfig, parseConfig } from "../../../src/gate/config/load.ts";
import { temporaryFolder } from "../../support/folders.ts";

const valid = `version: 1
extends: snowshed:article
environment: ci
workloads:
  lock: { writesPerSecond: 800, ordering: none, consistency: linearizable, store: etcd }
connections:
  redis: { max: 200, perProcess: 4, processes: 12 }
exceptions:
  - rule: audit/some
    reason: loopback
    owner: "@infra"
    until: 2027-03-01
`;

/** `line:column kind message` of all that is wrong. */
function problemsOf(text: string): string[] {
  try {
    parseConfig(text, "snowshed.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ line, column, kind, message }) => `${line}:${column} ${kind} ${message}`);
  }
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => "nothing",
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConfigError)) throw error;
  return error.problems.map(({ message }) => message).join("\n");
}

describe("what is written", () => {
  test("a valid file is taken, and sections that are not there are empty", () => {
    expect(problemsOf(valid)).toEqual([]);
    const { config } = parseConfig("version: 1\nworkloads:\n  # none yet\n", "f");
    expect(config).toMatchObject({ extends: "snowshed:recommended", workloads: {}, exceptions: [], chaos: {} });
  });

  const lock = "workloads:\n  lock:\n    writesPerSecond: 1\n    ordering: none\n    consistency: eventual\n";
  const exception = "exceptions:\n  - rule: a/b\n    reason: r\n    owner: o\n";
  test.each([
    [
      "an unknown key",
      "version: 1\nworkload: {}",
      ['2:1 unknown-key unknown key "workload"; did you mean "workloads"?'],
    ],
    [
      "a mistyped key is not also missing",
      "version: 1\nworkloads:\n  a: { writesPerSecond: 1, ordring: none, consistency: eventual, store: etcd }",
      ['3:28 unknown-key unknown key "ordring" in workloads.a; did you mean "ordering"?'],
    ],
    [
      "a key that is like none",
      "version: 1\nkernel: { zzzzzzzz: 1 }",
      ['2:11 unknown-key unknown key "zzzzzzzz" in kernel; there are: from, expect'],
    ],
    ["a key twice", "version: 1\nversion: 1", ['2:1 duplicate-key the key "version" is there twice']],
    [
      "a key twice, in quotes, between brackets, and as a number",
      'version: 1\nkernel: { from: a, "from": b }\nworkloads:\n  "a b": {}\n  1: {}\n  \'a b\': {}\n  "1": {}',
      [
        '2:20 duplicate-key the key "from" is there twice',
        '6:3 duplicate-key the key "a b" is there twice',
        '7:3 duplicate-key the key "1" is there twice',
      ],
    ],
    [
      "a value that is no choice",
      `version: 1\n${lock}    store: redis-sentinal`,
      [
        '7:12 invalid-value workloads.lock.store must be redis-sentinel, redis-cluster, kafka, etcd, postgres, nats, rabbitmq or redis-streams; did you mean "redis-sentinel"?',
      ],
    ],
    [
      "a missing key",
      `version: 1\n${lock}`,
      [
        "3:3 missing-key workloads.lock.store is missing: redis-sentinel, redis-cluster, kafka, etcd, postgres, nats, rabbitmq or redis-streams",
      ],
    ],
    ["no version", "environment: ci", ["1:1 missing-key version is missing: 1"]],
    ["nothing", "", ["1:1 missing-key version is missing: 1"]],
    ["a version of the future", "version: 2", ["1:10 invalid-value version must be 1"]],
    ["a list", "- version: 1", ["1:1 invalid-value the file must be a mapping of keys to values"]],
    [
      "a negative number and one that is none",
      "version: 1\nconnections:\n  redis: { max: -1, perProcess: four, processes: 1.5 }",
      [
        "3:17 invalid-value connections.redis.max must be at least 0",
        "3:33 invalid-value connections.redis.perProcess must be a number",
        "3:50 invalid-value connections.redis.processes must be an integer",
      ],
    ],
    [
      "a day that is none",
      `version: 1\n${exception}    until: 2027-02-30`,
      ["6:12 invalid-value exceptions[0].until must be a day, as YYYY-MM-DD"],
    ],
    ["an exception without an end", `version: 1\n${exception}`, ["3:5 missing-key exceptions[0].until is missing"]],
    [
      "an exception with an empty reason",
      'version: 1\nexceptions: [{ rule: a/b, reason: " ", owner: o, until: 2027-01-01 }]',
      ["2:35 invalid-value exceptions[0].reason must not be empty"],
    ],
    [
      "a name that JavaScript takes for something else",
      "version: 1\nworkloads: { __proto__: {} }",
      ['2:14 yaml a key must not be "__proto__"'],
    ],
    ["two documents", "version: 1\n---\nversion: 1", ["2:1 yaml there is more than one document in the file"]],
    ["a tag nobody knows", "version: !one 1", ["1:10 yaml Unresolved tag: !one"]],
    [
      "keys that are no text",
      "version: 1\n? [a, b]\n: 1\n: 2\nkernel: { ? { from: a } : b, null: c }\nworkloads: { &x a: {}, *x : {} }",
      [
        "2:3 yaml a key must be a text",
        "4:1 yaml a key must be a text",
        "5:13 yaml a key must be a text",
        "5:30 yaml a key must be a text",
        "6:24 yaml a key must be a text",
      ],
    ],
    [
      "an alias of nothing, and of what comes later",
      "version: 1\nkernel: *nope\nenvironment: *e\nextends: &e ci",
      [
        "2:9 yaml *nope stands for nothing: there is no &nope before it",
        "3:14 yaml *e stands for nothing: there is no &e before it",
      ],
    ],
    ["a set", "version: 1\nkernel: !!set { from }", ["2:9 yaml Unresolved tag: tag:yaml.org,2002:set"]],
    ["tabs", "version: 1\nworkloads:\n\tlock: {}", ["3:1 yaml Tabs are not allowed as indentation"]],
    [
      "a merge key",
      "version: 1\nkernel: { <<: { from: a } }",
      ['2:11 unknown-key unknown key "<<" in kernel (merge keys are not part of YAML 1.2); there are: from, expect'],
    ],
  ])("%s", (_, text, problems) => {
    // An error of the parser itself may be followed by others.
    expect(problemsOf(text).slice(0, problems.length)).toEqual(problems);
    if (problems.length !== problemsOf(text).length) expect(problems[0]).toContain(" yaml ");
  });

  test("aliases of aliases, an alias of itself and 200,000 brackets end in an error, not in the memory", () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? "a0: &a0 [x, x, x, x]"
        : `a${level}: &a${level} [${Array(10)
            .fill(`*a${level - 1}`)
            .join(", ")}]`,
    );
    expect(problemsOf(levels.join("\n"))).toEqual(["6:10 yaml the aliases stand for more than 100,000 values"]);
    expect(problemsOf("version: 1\nenvironment: &a [*a]")).toEqual([
      "2:18 yaml an alias is part of what it stands for",
    ]);
    const deep = "yaml lists and mappings are nested too deeply";
    expect(problemsOf(`version: 1\na: ${"[".repeat(200_000)}`)).toEqual([`2:1 ${deep}`]);
    expect(problemsOf("- ".repeat(100_000))).toEqual([`1:1 ${deep}`]);
    expect(problemsOf(Array.from({ length: 500 }, (_, level) => `${" ".repeat(level)}a:`).join("\n"))[0]).toContain(
      deep,
    );
    // Not what is deep as people write it.
    expect(problemsOf(`${valid}chaos: { targets: [[[[[a]]]]] }`)[0]).toContain("chaos.targets[0] must be a text");
  });

  test("in a mapping of 40,000 names the one that is there twice is found as quickly as in a small one", () => {
    // Each key compared with every other takes twelve seconds.
    const names = Array.from({ length: 40_000 }, (_, index) => `  w${index}:`);
    const before = process.cpuUsage();
    expect(problemsOf(`version: 1\nworkloads:\n${names.join("\n")}\n  w7:\n`)).toEqual([
      '40003:3 duplicate-key the key "w7" is there twice',
    ]);
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(6);
  });

  test("any text is a configuration or a ConfigError with places in it", () => {
    const pieces = fc.constantFrom(
      ...valid.split(/(?<=[\s:,{}-])/),
      "&a ",
      "*a ",
      "? ",
      "|\n",
      "!!binary ",
      "\u0000",
      "[",
      "]",
    );
    const cut = fc.tuple(fc.nat(valid.length), fc.nat(valid.length), fc.array(pieces, { maxLength: 4 }));
    fc.assert(
      fc.property(cut, ([from, to, inserted]) => {
        const text = valid.slice(0, Math.min(from, to)) + inserted.join("") + valid.slice(Math.max(from, to));
        try {
          parseConfig(text, "f");
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          const lines = text.split("\n");
          for (const { line, column, message } of error.problems) {
            expect(message).not.toBe("");
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(lines.length);
            expect(column).toBeGreaterThanOrEqual(1);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("places", () => {
  test("a plain value by itself, a mapping by its key, what is not written by what it would be in", () => {
    const { positions } = parseConfig(valid, "snowshed.yaml");
    const at = (...place: (string | number)[]): string => {
      const { line, column } = positions.of(place);
      return `${line}:${column}`;
    };
    expect(at("workloads", "lock", "store")).toBe("5:83");
    expect(at("workloads", "lock")).toBe("5:3");
    expect(at("exceptions", 0, "until")).toBe("12:12");
    expect(at("workloads", "lock", "valueBytes")).toBe("5:3");
    expect(at("capacity", "redis", "knee")).toBe("1:1");
    expect(at("exceptions", 7)).toBe("8:1");
  });

  test("one anchor may be used 500 times, and what is wrong is told where it is written", () => {
    const aliases = Array.from({ length: 500 }, (_, index) => `  c${index}: *a`).join("\n");
    const text = `version: 1\nconnections:\n  a: &a { max: 1, perProcess: 1, processes: 1 }\n${aliases}\n`;
    expect(Object.keys(parseConfig(text, "f").config.connections)).toHaveLength(501);
    const wrong = problemsOf(text.replace("max: 1", "max: -1"));
    expect(wrong).toHaveLength(501);
    expect(wrong.filter((each) => each.startsWith("3:16 "))).toHaveLength(501);
  });

  test("behind an alias it is where the value is written", () => {
    const { positions } = parseConfig(
      "version: 1\nconnections:\n  a: &a { max: 1, perProcess: 1, processes: 1 }\n  b: *a\n",
      "f",
    );
    expect(positions.of(["connections", "b", "max"])).toMatchObject({ line: 3, column: 16 });
  });
});

describe("files", () => {
  async function load(prepare: (folder: string) => void, name = "snowshed.yaml"): Promise<string> {
    const folder = temporaryFolder();
    prepare(folder);
    return failure(loadConfig(path.join(folder, name)));
  }
  const write = (text: string | Buffer) => (folder: string) => writeFileSync(path.join(folder, "snowshed.yaml"), text);

  test("10 MB, no file, a folder, a pipe, no text, links that go round", async () => {
    expect(await load(write(`version: 1\n${"#".repeat(10_000_000)}`))).toBe(
      "the configuration is larger than 1 MiB (9.5 MiB)",
    );
    expect(await load(() => {})).toBe("the configuration is not there; `snowshed gate init` writes one");
    expect(await load((folder) => mkdirSync(path.join(folder, "snowshed.yaml")))).toBe("the configuration is a folder");
    expect(await load((folder) => execFileSync("mkfifo", [path.join(folder, "snowshed.yaml")]))).toBe(
      "the configuration is no regular file",
    );
    expect(await load(write(Buffer.from([0x76, 0xff, 0xfe])))).toBe("the configuration is not UTF-8 text");
    const loop = (folder: string): void => {
      symlinkSync("other.yaml", path.join(folder, "snowshed.yaml"));
      symlinkSync("snowshed.yaml", path.join(folder, "other.yaml"));
    };
    expect(await load(loop)).toContain("a symbolic link that leads back to itself");
  });

  test("files the configuration names stay below its folder, also through links", async () => {
    const outside = temporaryFolder();
    const folder = temporaryFolder();
    writeFileSync(path.join(outside, "secret"), "s");
    writeFileSync(path.join(folder, "snowshed.yaml"), "version: 1\nkernel: { from: a }\n");
    writeFileSync(path.join(folder, "a"), "inside");
    symlinkSync("a", path.join(folder, "inner"));
    symlinkSync(path.join(outside, "secret"), path.join(folder, "out"));
    symlinkSync(outside, path.join(folder, "outside"));
    symlinkSync("round", path.join(folder, "round"));
    const { source } = await loadConfig(path.join(folder, "snowshed.yaml"));
    const place = ["kernel", "from"];
    const read = (name: string): Promise<string> => failure(source.read(name, place));
    expect(await source.read("a", place)).toBe("inside");
    expect(await source.read("inner", place)).toBe("inside");
    for (const name of ["../x", "out", "outside/secret", "/etc/passwd", path.join(outside, "secret")]) {
      expect(await read(name), name).toBe(`kernel.from: ${name} lies outside the folder of the configuration`);
    }
    expect(await read("round")).toContain("a symbolic link that leads back to itself");
    expect(await read("nope")).toBe("kernel.from: nope is not there");
    expect(await source.resolveOutput("new/alerts.yml", place)).toBe(path.join(source.folder, "new", "alerts.yml"));
    expect(await failure(source.resolveOutput("outside/alerts.yml", place))).toContain("lies outside");
    expect(await failure(source.resolveOutput("../alerts.yml", place))).toContain("lies outside");
    expect(await failure(source.resolveOutput("round/x", place))).toContain("leads back to itself");
  });
});

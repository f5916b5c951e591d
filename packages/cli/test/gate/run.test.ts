// How stages, rules and exceptions become a verdict and an exit code.
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkRules } from "../../src/gate/check-rules.ts";
import { ConfigError } from "../../src/gate/config/config-error.ts";
import { Exceptions } from "../../src/gate/config/exceptions.ts";
import { loadConfig, parseConfig } from "../../src/gate/config/load.ts";
import { findingsOfExceptions } from "../../src/gate/config/stage.ts";
import { article } from "../../src/gate/config/presets/article.ts";
import { recommended } from "../../src/gate/config/presets/recommended.ts";
import type { Finding } from "../../src/gate/finding.ts";
import { gate, runGate } from "../../src/gate/gate-run.ts";
import { mask } from "../../src/gate/mask.ts";
import type { GateReport } from "../../src/gate/report/gate-report.ts";
import type { Need, Rule } from "../../src/gate/rule.ts";
import type { StageNote, StageResult } from "../../src/gate/run.ts";
import { runStagesOf } from "../../src/gate/run-stages.ts";
import { rules as known } from "../../src/gate/rules/index.ts";
import type { ChosenStage, RunnableStage } from "../../src/gate/stages.ts";
import { stagesToRun } from "../../src/gate/stages.ts";
import { Notes } from "../../src/notes.ts";
import { temporaryFolder } from "../support/folders.ts";
import { memoryIo } from "../support/memory-io.ts";

const minimal = "version: 1\nworkloads: {}\n";
const here = { file: "snowshed.yaml", folder: process.cwd() };

function finding(more: Partial<Finding> = {}): Finding {
  const base = { rule: "advise/x", severity: "error", message: "m", path: [], fix: null, sources: [] } as const;
  return { ...base, stage: "advise", file: "f", line: 1, column: 1, ...more };
}

function rule(id: string, check: Rule["check"], needs: readonly Need[] = ["static"]): Rule {
  const meta = { id, stage: "advise", severity: "error", origin: "measured", needs, sources: ["s"] } as const;
  return { meta: { ...meta, title: "t", rationale: "r", fix: "f" }, check, tests: { valid: [], invalid: [] } };
}

async function shared(text = minimal): Promise<Parameters<typeof runStagesOf>[1]["shared"]> {
  const file = path.join(temporaryFolder(), "snowshed.yaml");
  writeFileSync(file, text);
  const loaded = await loadConfig(file);
  const signal = new AbortController().signal;
  return { ...loaded, live: false, env: {}, now: new Date("2027-01-01T12:00:00Z"), signal, say: async () => {} };
}

function stage(
  name: RunnableStage,
  result: Partial<StageResult> | (() => Promise<StageResult>),
  more: Partial<ChosenStage> = {},
): ChosenStage {
  const whole: StageResult = { stage: name, verdict: "pass", findings: [], notes: [], facts: {} };
  const run = typeof result === "function" ? result : () => Promise.resolve({ ...whole, ...result });
  return {
    stage: name,
    load: () => Promise.resolve({ stage: name, run }),
    explicit: false,
    refusal: undefined,
    ...more,
  };
}

async function verdicts(
  chosen: readonly ChosenStage[],
  exceptions = new Exceptions([], new Date(), here),
): Promise<string[]> {
  const done = await runStagesOf(chosen, { shared: await shared(), known: [], exceptions, failOn: "error" });
  return done.map((each) => `${each.stage} ${each.verdict}`);
}

describe("rules", () => {
  const options = (): Parameters<typeof checkRules>[1] => {
    const { config, positions } = parseConfig(minimal, "f");
    return { config, preset: recommended, source: { position: (place) => positions.of(place) } };
  };

  test("one that throws is named, what it reported counts, and the others run", async () => {
    const order: string[] = [];
    const throwing = rule("advise/first", ({ report }) => {
      report({ path: ["workloads"], message: "before" });
      throw new TypeError("no such thing");
    });
    const rejecting = rule("advise/second", () => Promise.reject(new Error("later")));
    const third = rule("advise/third", ({ report }) => {
      order.push("third");
      report({ path: [], message: "after", severity: "info", fix: "do", at: { file: "g", line: 3, column: 4 } });
    });
    const { findings, notes } = await checkRules([throwing, rejecting, third], options());
    expect(order).toEqual(["third"]);
    expect(findings).toMatchObject([
      { rule: "advise/first", message: "before", line: 2, severity: "error" },
      { rule: "advise/third", severity: "info", fix: "do", file: "g", line: 3, column: 4 },
    ]);
    expect(notes).toEqual([
      { kind: "failed", rule: "advise/first", message: "the rule advise/first failed: TypeError: no such thing" },
      { kind: "failed", rule: "advise/second", message: "the rule advise/second failed: Error: later" },
    ]);
  });

  test("one that lacks what it needs is skipped with the reason, never asked", async () => {
    const never = (): void => expect.unreachable();
    const some = [rule("advise/a", never, ["live"]), rule("advise/b", never, ["static", "root", "prometheus"])];
    const { notes } = await checkRules(some, options());
    expect(notes.map(({ kind, rule: id }) => `${kind} ${id}`)).toEqual(["skipped advise/a", "skipped advise/b"]);
    for (const { message } of notes) expect(message).toContain("needs");
    const asked: string[] = [];
    const live = rule("advise/c", () => void asked.push("c"), ["live", "root"]);
    await checkRules([live], { ...options(), live: [], available: ["root"] });
    expect(asked).toEqual(["c"]);
  });
});

describe("stages", () => {
  test("an error blocks, a warning does not, and the stages after it run", async () => {
    const warned = stage("audit", { findings: [finding({ severity: "warning" })] });
    expect(await verdicts([stage("advise", { findings: [finding()] }), warned, stage("rules", {})])).toEqual([
      "advise blocked",
      "audit pass",
      "rules pass",
    ]);
  });

  test("one that fails is inconclusive, and named; the others run", async () => {
    const failing = stage("advise", () => Promise.reject(new Error("the engine is gone")));
    const options = {
      shared: await shared(),
      known: [],
      exceptions: new Exceptions([], new Date(), here),
      failOn: "error",
    } as const;
    const [first, second] = await runStagesOf([failing, stage("audit", {})], options);
    expect(first).toMatchObject({ verdict: "inconclusive", notes: [{ kind: "failed" }] });
    expect(first!.notes[0]!.message).toBe("the stage advise failed: Error: the engine is gone");
    expect(second!.verdict).toBe("pass");
  });

  test("a rule that failed leaves its stage inconclusive, unless something blocks", async () => {
    const failed: StageNote = { kind: "failed", rule: "advise/x", message: "m" };
    expect(await verdicts([stage("advise", { notes: [failed] })])).toEqual(["advise inconclusive"]);
    expect(await verdicts([stage("advise", { notes: [failed], findings: [finding()] })])).toEqual(["advise blocked"]);
  });

  test("a stage that could not judge is believed, but not against a finding that blocks", async () => {
    expect(
      await verdicts([stage("chaos", { verdict: "inconclusive" }), stage("capacity", { verdict: "skipped" })]),
    ).toEqual(["chaos inconclusive", "capacity skipped"]);
    expect(await verdicts([stage("chaos", { verdict: "inconclusive", findings: [finding()] })])).toEqual([
      "chaos blocked",
    ]);
    expect(await verdicts([stage("chaos", { verdict: "blocked" })])).toEqual(["chaos blocked"]);
  });

  test("nothing is injected into what blocks already, and nothing begins after an interrupt", async () => {
    const never = (): Promise<StageResult> => expect.unreachable();
    const blocked = stage("advise", { findings: [finding()] });
    expect(await verdicts([blocked, stage("chaos", never), stage("capacity", never)])).toEqual([
      "advise blocked",
      "chaos skipped",
      "capacity skipped",
    ]);
    const interrupt = new AbortController();
    const stopping = stage("advise", () => {
      interrupt.abort("SIGINT");
      return Promise.resolve({ stage: "advise", verdict: "pass", findings: [], notes: [], facts: {} });
    });
    const options = { known: [], exceptions: new Exceptions([], new Date(), here), failOn: "error" } as const;
    const context = { ...(await shared()), signal: interrupt.signal };
    const done = await runStagesOf([stopping, stage("audit", never)], { ...options, shared: context });
    expect(done[1]).toMatchObject({ verdict: "skipped", notes: [{ message: "interrupted" }], asked: [] });
  });

  test("a ConfigError of a stage is one of the file", async () => {
    const wrong = stage("audit", () => Promise.reject(new ConfigError([])));
    await expect(verdicts([wrong])).rejects.toThrow(ConfigError);
  });

  test("those that read files by default, faults and load if enabled, none of these in production", () => {
    const names = (text: string, only?: readonly RunnableStage[]): string[] =>
      stagesToRun(parseConfig(`version: 1\n${text}`, "f").config, only).map(
        (each) => `${each.stage}${each.explicit ? " explicit" : ""}${each.refusal === undefined ? "" : " refused"}`,
      );
    expect(names("")).toEqual(["advise", "audit", "rules"]);
    expect(names("chaos: { enabled: true }")).toEqual(["advise", "audit", "rules", "chaos"]);
    expect(names("", ["capacity", "advise"])).toEqual(["advise explicit", "capacity explicit"]);
    expect(names("environment: production", ["chaos"])).toEqual(["chaos explicit refused"]);
    expect(names("environment: PROD-eu\nchaos: { enabled: true }")).toEqual([
      "advise",
      "audit",
      "rules",
      "chaos refused",
    ]);
    const refused = (environment: string): boolean =>
      names(`environment: "${environment}"`, ["chaos"])[0]!.endsWith("refused");
    for (const each of ["prod", "PROD-2", "production_eu", "eu_prod", "eu.production", " production", "my-prod1"]) {
      expect(refused(each), each).toBe(true);
    }
    for (const each of ["reproduction", "products", "pre-production", "non-prod", "staging", "ci"]) {
      expect(refused(each), each).toBe(false);
    }
  });
});

test("a stage that is named and has nothing to judge is inconclusive; one that is not named is skipped", async () => {
  const nothing = { verdict: "skipped" } as const;
  expect(await verdicts([stage("chaos", nothing), stage("advise", nothing, { explicit: true })])).toEqual([
    "chaos skipped",
    "advise inconclusive",
  ]);
});

describe("exceptions", () => {
  const entry = { rule: "advise/x", reason: "known", owner: "@me", until: "2027-01-01" };
  const at = (now: string, more: object = {}): Exceptions =>
    new Exceptions([{ ...entry, ...more }], new Date(now), here);

  test("one holds on its last day, and no longer", () => {
    expect(at("2027-01-01T23:59:59Z").apply(finding())).toMatchObject({
      status: "excepted",
      exception: { reason: "known", owner: "@me", until: "2027-01-01" },
    });
    const expired = at("2027-01-02T00:00:00Z");
    expect(expired.apply(finding()).status).toBeUndefined();
    expect(expired.states()).toMatchObject([{ expired: true, used: 0 }]);
  });

  test("it covers its rule, at its path and below, and never what is wrong with the file", () => {
    const some = at("2026-12-01T00:00:00Z", { path: "workloads.lock" });
    const where = (...place: string[]): string | undefined => some.apply(finding({ path: place })).status;
    expect(where("workloads", "lock")).toBe("excepted");
    expect(where("workloads", "lock", "store")).toBe("excepted");
    expect(where("workloads", "locker")).toBeUndefined();
    expect(where("workloads")).toBeUndefined();
    expect(where("workloads", "lock.a")).toBeUndefined();
    expect(where("workloads", "lock.a", "store")).toBeUndefined();
    expect(
      at("2026-12-01T00:00:00Z", { path: "files.redis[1]" }).apply(finding({ path: ["files", "redis", 1] })).status,
    ).toBe("excepted");
    expect(some.apply(finding({ rule: "advise/y", path: ["workloads", "lock"] })).status).toBeUndefined();
    expect(at("2026-12-01T00:00:00Z").apply(finding({ stage: "config" })).status).toBeUndefined();
    expect(at("2026-12-01T00:00:00Z", { path: "f" }).apply(finding()).status).toBe("excepted");
  });

  test("a file is named as the configuration names files: from its folder, wherever the gate was started", () => {
    const folder = realpathSync(temporaryFolder());
    mkdirSync(path.join(folder, "conf"));
    writeFileSync(path.join(folder, "conf", "redis.conf"), "");
    writeFileSync(path.join(folder, "snowshed.yaml"), "");
    symlinkSync("conf/redis.conf", path.join(folder, "link.conf"));
    // The configuration by a link to its folder: findings in it have that path, those in other files the real one.
    const linked = `${folder}-link`;
    symlinkSync(folder, linked);
    onTestFinished(() => rmSync(linked));
    const covered = (name: string, file: string): boolean => {
      const now = new Date("2026-12-01T00:00:00Z");
      const source = { file: path.join(linked, "snowshed.yaml"), folder };
      const some = new Exceptions([{ ...entry, path: name }], now, source);
      return some.apply(finding({ file })).status === "excepted";
    };
    const redis = path.join(folder, "conf/redis.conf");
    for (const name of ["conf/redis.conf", "./conf/redis.conf", "link.conf", redis]) {
      expect(covered(name, redis), name).toBe(true);
    }
    expect(covered("snowshed.yaml", path.join(linked, "snowshed.yaml"))).toBe(true);
    for (const name of ["redis.conf", "conf", "conf/other.conf"]) expect(covered(name, redis), name).toBe(false);
    // The folder it was started in is not what it is relative to.
    expect(covered("package.json", "package.json")).toBe(false);
  });

  test("one of a rule that cannot be is told, also when its stage seems not to have run", () => {
    const told = (rule: string): number => {
      const states = at("2026-12-01T00:00:00Z", { rule }).states();
      const position = (): { file: string; line: number; column: number } => ({ file: "f", line: 1, column: 1 });
      return findingsOfExceptions(states, { position }, { ruleIds: ["advise/x"], ran: new Set(["advise"]) }).length;
    };
    expect(["advise/x", "advise/y", "advice/x", "x", "config/unused-exception"].map(told)).toEqual([1, 1, 1, 1, 1]);
    expect(["chaos/x", "rules/x"].map(told)).toEqual([0, 0]);
  });

  test("what is excepted does not block", async () => {
    const chosen = [stage("advise", { verdict: "blocked", findings: [finding()] })];
    expect(await verdicts(chosen, at("2026-12-01T00:00:00Z"))).toEqual(["advise pass"]);
    expect(await verdicts(chosen, at("2027-12-01T00:00:00Z"))).toEqual(["advise blocked"]);
  });
});

describe("a whole run", () => {
  async function report(
    text: string,
    rules: readonly Rule[] = known,
    failOn: "error" | "warning" = "error",
  ): Promise<GateReport> {
    const file = path.join(temporaryFolder(), "snowshed.yaml");
    writeFileSync(file, text);
    const { io } = memoryIo();
    return gate({ config: file, failOn, only: ["advise"] }, io, new Notes(io.stderr), rules);
  }
  const wrong =
    "workloads: { lock: { writesPerSecond: 1, ordering: none, consistency: linearizable, store: kafka } }\n";
  const excepted = (rule: string, until: string): string =>
    `exceptions: [{ rule: ${rule}, reason: why, owner: me, until: ${until} }]\n`;

  test("0 passes, 1 is blocked, 2 is a file that cannot be used, 3 could not be judged", async () => {
    const right = wrong.replace("kafka", "etcd");
    expect(await report(`version: 1\n${right}`)).toMatchObject({ verdict: "pass", exitCode: 0 });
    expect(await report(`version: 1\n${wrong}`)).toMatchObject({ verdict: "blocked", exitCode: 1 });
    expect(await report(`version: 3\n${wrong}`)).toMatchObject({ verdict: "invalid", exitCode: 2, preset: null });
    const throwing = rule("advise/throws", () => {
      throw new Error("no");
    });
    expect(await report(`version: 1\n${right}`, [...known, throwing])).toMatchObject({
      verdict: "inconclusive",
      exitCode: 3,
    });
    expect(await report(`version: 1\n${wrong}`, [throwing, ...known])).toMatchObject({
      verdict: "blocked",
      exitCode: 1,
    });
  });

  test.each(["", "# workloads:\nworkloads:\n", "environment: production\nchaos: { enabled: true }\n"])(
    "a file of which nothing was judged is no pass: %j",
    async (text) => {
      const file = path.join(temporaryFolder(), "snowshed.yaml");
      writeFileSync(file, `version: 1\n${text}`);
      const { io, stdout } = memoryIo();
      const code = await runGate({ config: file, failOn: "error", output: ["terminal"] }, io, new Notes(io.stderr));
      expect(stdout.text).toContain("nothing was judged: every stage was skipped");
      expect(stdout.text).toMatch(/^inconclusive: /m);
      expect(code).toBe(3);
    },
  );

  test("an interrupted run says so, and is no pass", async () => {
    const file = path.join(temporaryFolder(), "snowshed.yaml");
    writeFileSync(file, `version: 1\n${wrong}`);
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const { io } = memoryIo({ interrupt: AbortSignal.abort(signal) });
      const some = await gate({ config: file, failOn: "error" }, io, new Notes(io.stderr));
      expect(some).toMatchObject({ verdict: "interrupted", exitCode: code });
      expect(some.stages.slice(1).map(({ verdict }) => verdict)).toEqual(["skipped", "skipped", "skipped"]);
      expect(some.stages[0]!.notes).toEqual([]);
    }
  });

  test("an exception passes, an expired one blocks by itself, an unused one is told", async () => {
    const good = await report(`version: 1\n${wrong}${excepted("advise/store-is-the-leaf", "2999-01-01")}`);
    expect(good).toMatchObject({
      exitCode: 0,
      counts: { error: 0, excepted: 1 },
      exceptions: [{ used: 1, expired: false }],
    });
    const expired = await report(`version: 1\n${excepted("advise/store-is-the-leaf", "2020-01-01")}`);
    expect(expired.exitCode).toBe(1);
    expect(expired.stages[0]!.findings).toMatchObject([
      { rule: "config/expired-exception", line: 2, severity: "error" },
    ]);
    const text = `version: 1\n${wrong.replace("kafka", "etcd")}${excepted("advise/store-is-leaf", "2999-01-01")}`;
    const unused = await report(text);
    expect(unused.exitCode).toBe(0);
    expect(unused.stages[0]!.findings[0]!.message).toContain('did you mean "advise/store-is-the-leaf"?');
    expect((await report(text, known, "warning")).exitCode).toBe(1);
  });

  test("passwords are in no report", async () => {
    const leaking = rule("advise/leaks", ({ report: say }) => {
      say({ path: [], message: "redis://user:hunter2@host:1/0 and requirepass hunter2, password=hunter2" });
    });
    const some = await report(`version: 1\n${wrong}`, [leaking]);
    expect(JSON.stringify(some)).not.toContain("hunter2");
    expect(JSON.stringify(some)).toContain("redis://user:***@host:1/0");
    expect(mask({ password: "x", list: ["amqp://:x@h"], tokens: 3, token: null })).toEqual({
      password: "***",
      list: ["amqp://:***@h"],
      tokens: 3,
      token: null,
    });
  });
});

test.each([
  "redis://admin:hunter2@h:1",
  "redis://u:hunter2/sec@ret@h:1",
  "https://hunter2@h/x",
  "u:hunter2@h:1",
  "h/?auth=hunter2&db=1",
  'requirepass "hunter2 x"',
  '{"password":"hunter2"}',
  "pwd=hunter2",
  "AWS_SECRET_ACCESS_KEY=hunter2",
  "secret_key: hunter2",
  "--password hunter2",
  "redis-cli -h 127.0.0.1 -a hunter2 PING",
  "AUTH hunter2",
  "AUTH user hunter2",
  "Authorization: Bearer hunter2",
  "user alice on >hunter2 ~* +@all",
])("the password in %s is shown in no report", (text) => {
  expect(mask(text)).not.toContain("hunter2");
  expect(mask(text)).toContain("***");
});

test.each([
  "a@b: the password is good",
  "12 tokens: 5",
  "snowshed.yaml:3:5",
  "https://redis.io/docs/latest/commands/auth/",
  "requirepass or ACLs, bind to an inner address",
  "owner @infra, until 2027-01-01",
  "image: redis@sha256:0123456789abcdef",
])("%s holds none, and stays", (text) => {
  expect(mask(text)).toBe(text);
});

test("a long text is searched for passwords in one go", () => {
  const before = process.cpuUsage();
  for (const part of ["a.a-", "a:b@", "a://a:", "user x ", 'password="', "redis-cli "]) mask(part.repeat(60_000));
  // Tried at every word to the end of the text, it would be hours.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(20);
});

test("the article's numbers are its own, and no rule of the others stages repeats them", () => {
  expect(article).toMatchObject({
    highWritesPerSecond: 100_000,
    wait: { replicas: 3, timeoutMs: 5000 },
    dedupUnique: ["trace_id", "event_type", "timestamp"],
    maxConnections: { redis: 200, kafka: 50, etcd: 10 },
    maxIdle: 50,
    kernel: {
      any: { "net.core.somaxconn": "=65535" },
      redis: { "net.ipv4.tcp_tw_reuse": "=1" },
      kafka: { "vm.swappiness": "=1" },
      etcd: { "fs.file-max": "=2097152" },
    },
    alerts: { etcdBackendCommitSeconds: 1, quantile: 0.99, redisMemoryRatio: 0.75 },
    chaos: { delayMs: 3000, recoverWithinS: 90 },
    headroom: 0.25,
  });
  const folder = new URL("../../src/gate/rules/advise/", import.meta.url);
  for (const file of readdirSync(folder)) {
    const { check } = { check: readFileSync(new URL(file, folder), "utf8").split("tests:")[0]! };
    expect(check, file).not.toMatch(/100_?000/);
  }
});

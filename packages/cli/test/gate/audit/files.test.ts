// The audit of files as a user runs it: what is found, where, and what becomes of files that are not what they should be.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { GateReport } from "../../../src/gate/report/gate-report.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { run } from "../../support/memory-io.ts";

interface Audited {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** `rule file:line` of each finding. */
  readonly found: readonly string[];
  readonly messages: readonly string[];
  readonly notes: readonly string[];
  readonly verdict: string | undefined;
}

async function audit(
  files: Readonly<Record<string, string | Buffer>>,
  folder: string = temporaryFolder(),
): Promise<Audited> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  const { code, stdout, stderr } = await run(["gate", "audit", "-c", path.join(folder, "snowshed.yaml"), "-o", "json"]);
  const report = stdout === "" ? undefined : (JSON.parse(stdout) as GateReport);
  const stage = report?.stages.find((each) => each.stage === "audit");
  const findings = stage?.findings ?? [];
  return {
    code,
    stdout,
    stderr,
    found: findings.map(({ rule, file, line }) => `${rule} ${path.basename(file ?? "")}:${line}`),
    messages: findings.map(({ message }) => message),
    notes: (stage?.notes ?? []).map(({ message }) => message),
    verdict: stage?.verdict,
  };
}

const good = `maxmemory 512mb
maxmemory-policy noeviction
min-replicas-to-write 1
requirepass hunter2
`;

test("files that are as they should be pass, and what could not be judged is named", async () => {
  const { code, found, notes, verdict } = await audit({
    "snowshed.yaml": `version: 1
connections: { redis: { max: 48, perProcess: 4, processes: 12, commandTimeoutMs: 400, maxQueue: 0 } }
kernel: { from: sysctl.conf, expect: { net.core.somaxconn: ">=4096", vm.zone_reclaim_mode: "0" } }
files: { redis: [redis.conf] }
`,
    "redis.conf": good,
    "sysctl.conf": "net.core.somaxconn = 4096\n",
  });
  expect(found).toEqual([]);
  expect([code, verdict]).toEqual([0, "pass"]);
  expect(notes.filter((note) => note.startsWith("vm.zone_reclaim_mode is not known"))).toHaveLength(1);
  expect(notes.filter((note) => note.includes("--live")).length).toBeGreaterThan(5);
  // What is not in use at all is not even skipped.
  expect(notes.join()).not.toMatch(/kafka/i);
});

test("findings point into the file that has them, and no secret is in any report", async () => {
  const { code, found, stdout } = await audit({
    "snowshed.yaml": "version: 1\nfiles: { redis: [conf/redis.conf] }\n",
    "conf/redis.conf": `${good}include inner.conf\nport 6379\n`,
    "conf/inner.conf": '# ours\nmaxmemory 0\nmasterauth hunter2\nbad "hunter2\n',
  });
  expect(code).toBe(1);
  expect(found).toEqual([
    "audit/contradictory-settings inner.conf:2",
    "audit/malformed-file inner.conf:4",
    "audit/redis-maxmemory inner.conf:2",
  ]);
  expect(stdout).not.toContain("hunter2");
});

test("contradictory values in two files name both", async () => {
  const { messages } = await audit({
    "snowshed.yaml": "version: 1\nfiles: { redis: [a.conf, b.conf] }\n",
    "a.conf": good,
    "b.conf": `port 6380\n${good.replace("512mb", "1gb")}`,
  });
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatch(/^maxmemory is 512mb at \S*a\.conf:1 and 1gb at \S*b\.conf:2$/);
});

test("includes that go round, go too deep or lead outside are named; nothing is assumed of what was not read", async () => {
  const chain = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`c${index}.conf`, `include c${index + 1}.conf\n`]),
  );
  const { messages, notes } = await audit({
    ...chain,
    "snowshed.yaml": "version: 1\nfiles: { redis: [loop.conf, c0.conf, out.conf] }\n",
    "loop.conf": `${good}include loop.conf\n`,
    "out.conf": "include /etc/passwd\ninclude *.conf\ninclude nowhere.conf\n",
  });
  expect(messages.some((message) => message.includes("the file includes itself"))).toBe(true);
  expect(messages.some((message) => message.includes("more than 8 includes"))).toBe(true);
  expect(messages.some((message) => message.includes("out.conf: maxmemory is 0"))).toBe(false);
  expect(notes.filter((note) => /out\.conf:\d: the included .* was not read/.test(note))).toHaveLength(3);
  expect(notes.some((note) => note.includes("out.conf: its settings are in a file that was not read"))).toBe(true);
});

test("files that cannot be read are all named, with the place that names them: exit code 2", async () => {
  const folder = temporaryFolder();
  symlinkSync("b", path.join(folder, "a"));
  symlinkSync("a", path.join(folder, "b"));
  const { code, stderr } = await audit(
    {
      "snowshed.yaml": `version: 1
files:
  redis: [a, big.conf, gone.conf, ../outside.conf]
  kafka: [binary.properties]
`,
      "big.conf": Buffer.alloc(10 * 1024 * 1024, "a b\n"),
      "binary.properties": Buffer.from([0xff, 0xfe, 0x00, 0x80]),
    },
    folder,
  );
  expect(code).toBe(2);
  expect(stderr).toMatch(/snowshed\.yaml:3:11: .*leads back to itself/);
  expect(stderr).toMatch(/big\.conf is larger than 1 MiB \(10\.0 MiB\)/);
  expect(stderr).toMatch(/gone\.conf is not there/);
  expect(stderr).toMatch(/outside the folder/);
  expect(stderr).toMatch(/snowshed\.yaml:4:11: .*not UTF-8/);
});

test("text with zero bytes in it is no text", async () => {
  const { code, messages } = await audit({
    "snowshed.yaml": "version: 1\nfiles: { etcd: [etcd.yml] }\n",
    "etcd.yml": "name: a\n\0",
  });
  expect([code, messages]).toEqual([1, ["etcd: it is no text"]]);
});

test("a ConfigMap's redis.conf is read with the lines of its manifest", async () => {
  const { found } = await audit({
    "snowshed.yaml": "version: 1\nfiles: { kubernetes: [k8s.yaml] }\n",
    "k8s.yaml": "kind: ConfigMap\nmetadata: { name: r }\ndata:\n  redis.conf: |\n    port 6379\n    maxmemory 0\n",
  });
  expect(found).toEqual(["audit/redis-maxmemory k8s.yaml:6"]);
});

test("a container's network is its own: the machine's somaxconn does not cut its backlog", async () => {
  const compose = "services:\n  cache:\n    image: redis:7\n    command: redis-server --maxmemory 1gb\n";
  const files = {
    "snowshed.yaml":
      "version: 1\nkernel: { from: sysctl.conf }\nfiles: { redis: [redis.conf], compose: [compose.yaml] }\n",
    "redis.conf": good.replace("512mb", "1gb"),
    "sysctl.conf": "net.core.somaxconn = 128\n",
  };
  const outside = await audit({ ...files, "compose.yaml": compose });
  expect(outside.found.filter((each) => each.startsWith("audit/backlog"))).toEqual([
    "audit/backlog-above-somaxconn redis.conf:1",
  ]);
  const inside = await audit({ ...files, "compose.yaml": `${compose}    sysctls: { net.core.somaxconn: 256 }\n` });
  expect(inside.found.filter((each) => each.startsWith("audit/backlog"))).toEqual([
    "audit/backlog-above-somaxconn redis.conf:1",
    "audit/backlog-above-somaxconn compose.yaml:2",
  ]);
});

test("nothing to audit is no pass", async () => {
  const { code, verdict, notes } = await audit({ "snowshed.yaml": "version: 1\n" });
  expect([code, verdict]).toEqual([3, "inconclusive"]);
  expect(notes).toEqual(["there is nothing to audit: no workloads, connections, kernel or files"]);
});

test("the machine the gate runs on is not audited unless asked for", async () => {
  const { found, notes } = await audit({
    "snowshed.yaml":
      "version: 1\nconnections: { redis: { max: 4, perProcess: 1, processes: 4, commandTimeoutMs: 1, maxQueue: 0 } }\n",
  });
  expect(found).toEqual([]);
  expect(notes.some((note) => note.startsWith("net.core.somaxconn is not known"))).toBe(true);
  expect(notes.filter((note) => note.startsWith("no file has the settings of redis"))).toHaveLength(1);
});

test.each([
  ["user alice on >hunter2 ~* +@all", true],
  ["user default on nopass ~* +@all\nuser alice on >hunter2 ~* +@all", true],
  ["user default on >hunter2 nopass ~* +@all", true],
  ["user default off\nuser alice on >hunter2 ~* +@all", false],
  ["user default on >hunter2 ~* +@all", false],
  ["user default on nopass resetpass +@all", false],
  ["user default reset", false],
  ["aclfile /etc/redis/users.acl", false],
  ["requirepass hunter2", false],
])("a Redis with %j is open to all: %s", async (line, isOpen) => {
  const { found, stdout } = await audit({
    "snowshed.yaml": "version: 1\nfiles: { redis: [redis.conf] }\n",
    "redis.conf": `maxmemory 1gb\nprotected-mode no\n${line}\n`,
  });
  expect(found.includes("audit/redis-open-to-all redis.conf:2")).toBe(isOpen);
  expect(stdout).not.toContain("hunter2");
});

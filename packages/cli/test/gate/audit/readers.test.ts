// What servers read, read as they do: names, values, and the line that each is on.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { composeBytes, kubernetesBytes, redisBytes } from "../../../src/gate/audit/amounts.ts";
import { holds } from "../../../src/gate/audit/comparison.ts";
import { readCompose } from "../../../src/gate/audit/readers/compose.ts";
import { readEtcd } from "../../../src/gate/audit/readers/etcd.ts";
import { readKubernetes } from "../../../src/gate/audit/readers/kubernetes.ts";
import { readProperties } from "../../../src/gate/audit/readers/properties.ts";
import { readRedisConf } from "../../../src/gate/audit/readers/redis-conf.ts";
import type { Reading } from "../../../src/gate/audit/readers/setting.ts";
import { readSysctl } from "../../../src/gate/audit/readers/sysctl.ts";
import { flagsOf, shellWords } from "../../../src/gate/audit/readers/words.ts";
import type { Fact } from "../../../src/gate/facts.ts";
import { maskText, shownValue } from "../../../src/gate/mask.ts";
import { rules } from "../../../src/gate/rules/index.ts";

const origin = { file: "f.yaml", path: ["files", "compose", 0] };

/** `line name=value` of each setting. */
function lines({ settings }: Reading): string[] {
  return settings.map(({ line, name, value }) => `${line} ${name}=${value}`);
}

function factLines(facts: readonly Fact[], subject: string): string[] {
  return facts
    .filter((fact) => fact.subject === subject && fact.name !== "(server)")
    .map(({ line, name, value }) => `${line} ${name}=${value}`);
}

describe("redis.conf", () => {
  test("quotes, comments, names in any case, ends of lines of Windows", () => {
    const text = `# maxmemory 1\r\nMaxMemory 512mb\r\n\n  save ""\nrequirepass "a \\"b\\" \\x41"\nlogfile '/a b'\n`;
    expect(lines(readRedisConf(text))).toEqual([
      "2 maxmemory=512mb",
      "4 save=",
      '5 requirepass=a "b" A',
      "6 logfile=/a b",
    ]);
  });

  test("lines that Redis does not start with are named, and the others are read", () => {
    const { settings, faults } = readRedisConf('dir "unbalanced\nmaxmemory\nport "1"2\ntimeout 0');
    expect(faults.map(({ line }) => line)).toEqual([1, 2, 3]);
    expect(settings.map(({ name }) => name)).toEqual(["timeout"]);
  });

  test("property: any words, quoted, come back", () => {
    const word = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !/[\r\n\uFEFF]/.test(text));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        const quoted = words.map((each) => `"${each.replaceAll(/["\\]/g, String.raw`\$&`)}"`);
        expect(readRedisConf(`name ${quoted.join(" ")}`).settings[0]?.value).toBe(words.join(" "));
      }),
    );
  });
});

describe("server.properties", () => {
  test("separators, continued lines, escapes, comments", () => {
    const text = "a=1\nb : 2\nc 3\n! no\n#no\nd=x,\\\n   y\ne\\:f=\\u0041\ng=h=i\nlast=\\\\";
    expect(lines(readProperties(text))).toEqual([
      "1 a=1",
      "2 b=2",
      "3 c=3",
      "6 d=x,y",
      "8 e:f=A",
      "9 g=h=i",
      "10 last=\\",
    ]);
  });

  test("a value without a name, and a name without a value, are faults", () => {
    expect(readProperties("=1\nlonely\nempty=").faults.map(({ line }) => line)).toEqual([1, 2]);
  });
});

describe("sysctl", () => {
  test("a file, with slashes and `-`, and what sysctl -a printed", () => {
    const text =
      "; c\n# c\nnet/core/somaxconn=4096\n-vm.swappiness = 1\nnet.ipv4.ip_local_port_range = 32768\t60999\nnet/ipv4/conf/eth0.1/x=1\nsysctl: permission denied on key 'a.b'\n";
    expect(lines(readSysctl(text))).toEqual([
      "3 net.core.somaxconn=4096",
      "4 vm.swappiness=1",
      "5 net.ipv4.ip_local_port_range=32768 60999",
      "6 net.ipv4.conf.eth0/1.x=1",
    ]);
  });

  test("anything else is a fault", () => {
    expect(readSysctl("vm.swappiness 1\n").faults).toMatchObject([{ line: 1 }]);
  });
});

describe("etcd", () => {
  const timing = ["heartbeat-interval=250", "election-timeout=2500"];
  test.each([
    ["YAML", "name: a\nheartbeat-interval: 250\nelection-timeout: 2500\n"],
    ["an environment file", 'ETCD_NAME=a\nETCD_HEARTBEAT_INTERVAL="250"\nexport ETCD_ELECTION_TIMEOUT=2500\n'],
    ["a command line", "/usr/bin/etcd --name a --heartbeat-interval=250 \\\n  --election-timeout 2500\n"],
    ["flags only", "--heartbeat-interval=250\n--election-timeout=2500\n"],
    [
      "a unit of systemd",
      "[Service]\nEnvironment=ETCD_HEARTBEAT_INTERVAL=250\nExecStart=/usr/bin/etcd --election-timeout=2500\n",
    ],
  ])("by %s", (_, text) => {
    const found = readEtcd(text).settings.map(({ name, value }) => `${name}=${value}`);
    expect(found.filter((each) => each.includes("-"))).toEqual(timing);
  });

  test("YAML that is none, and YAML that is no mapping, are faults", () => {
    expect(readEtcd("a: [1\nb: 2").faults[0]).toMatchObject({ line: 2 });
    expect(readEtcd("just words").faults).toHaveLength(1);
  });
});

describe("docker-compose", () => {
  const text = `x-base: &base
  mem_limit: 1g
services:
  cache:
    <<: *base
    image: registry.example:5000/team/redis:7.2@sha256:00
    command: ["redis-server", "--maxmemory", "900mb", "--requirepass", "hunter2", "--save", "900", "1"]
    sysctls:
      - net.core.somaxconn=1024
    ulimits: { nofile: { soft: 1024, hard: 4096 } }
  broker:
    image: apache/kafka:4.0.0
    environment:
      KAFKA_NODE_ID: 1
      KAFKA_MIN_INSYNC_REPLICAS: "2"
      KAFKA_SASL_JAAS_CONFIG: hunter2
  store:
    image: quay.io/coreos/etcd:v3.5.9
    command: etcd --quota-backend-bytes=8589934592
    environment: [ETCD_ELECTION_TIMEOUT=2000]
  exporter: { image: oliver006/redis_exporter:v1 }
`;

  test("images, commands, environments, sysctls, limits, with their lines", () => {
    const { facts, faults } = readCompose(text, origin);
    expect(faults).toEqual([]);
    expect(factLines(facts, "redis")).toEqual([
      // Where the service merges it from, only the service has a place.
      "4 container.memory-limit=1073741824",
      "10 limit.nofile=1024",
      "7 maxmemory=900mb",
      "7 requirepass=***",
      "7 save=900 1",
    ]);
    expect(factLines(facts, "kafka")).toEqual(["14 node.id=1", "15 min.insync.replicas=2", "16 sasl.jaas.config=***"]);
    expect(factLines(facts, "etcd")).toEqual(["20 election-timeout=2000", "19 quota-backend-bytes=8589934592"]);
    expect(factLines(facts, "kernel")).toEqual(["9 net.core.somaxconn=1024"]);
    expect(JSON.stringify(facts)).not.toContain("hunter2");
    expect(new Set(facts.map(({ server }) => server))).not.toContain("service exporter");
  });

  test("a file without services, and one that is no YAML, are faults", () => {
    expect(readCompose("version: '3'", origin).faults).toHaveLength(1);
    expect(readCompose("services: []", origin).faults).toHaveLength(1);
    expect(readCompose("services:\n\t- x", origin).faults[0]).toMatchObject({ line: 2 });
    expect(readCompose("a: &a [*a, *a]\nservices: *a", origin).faults).not.toEqual([]);
  });

  test("one whose services are none yet is no mistake, and it is said that there are none", () => {
    const { facts, faults, notes } = readCompose("services: {}\n", origin);
    expect([facts, faults, notes]).toEqual([[], [], [expect.stringContaining("has no services")]]);
  });

  test("aliases of aliases do not become gigabytes", () => {
    const levels = Array.from(
      { length: 30 },
      (_, index) => `a${index + 1}: &a${index + 1} [${"*a".concat(String(index), ", ").repeat(9)}*a${index}]`,
    );
    expect(readCompose(`a0: &a0 [x, x]\n${levels.join("\n")}\nservices: {}`, origin).faults[0]?.message).toMatch(
      /alias/i,
    );
  });
});

describe("Kubernetes", () => {
  const text = `apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data:
  ETCD_HEARTBEAT_INTERVAL: "300"
  redis.conf: |
    # ours
    maxmemory 0
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: store }
spec:
  template:
    spec:
      securityContext:
        sysctls:
          - { name: net.core.somaxconn, value: "4096" }
      containers:
        - name: etcd
          image: etcd
          envFrom: [{ configMapRef: { name: settings } }]
          args:
            - --election-timeout=3000
            - --name=a
          resources: { limits: { memory: 1Gi } }
---
kind: List
items:
  - kind: CronJob
    metadata: { name: c }
    spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: r, image: redis, command: [sh, -c, "redis-server --maxmemory 1gb"] }] } } } } }
  - kind: Service
`;

  test("all documents: arguments, ConfigMaps, sysctls, limits, with their lines", () => {
    const { facts, faults, embedded } = readKubernetes(text, origin);
    expect(faults).toEqual([]);
    expect(factLines(facts, "etcd")).toEqual([
      "26 container.memory-limit=1073741824",
      "5 heartbeat-interval=300",
      "24 election-timeout=3000",
      "25 name=a",
    ]);
    expect(factLines(facts, "kernel")).toEqual(["18 net.core.somaxconn=4096"]);
    expect(factLines(facts, "redis")).toEqual(["32 maxmemory=1gb"]);
    expect(embedded).toEqual([
      { name: "redis.conf", text: "# ours\nmaxmemory 0\n", line: 7, server: "ConfigMap/settings redis.conf" },
    ]);
  });

  test("one document that is broken does not hide the others", () => {
    const { facts, faults } = readKubernetes(`${text}---\na: [1\n`, origin);
    expect(faults).toHaveLength(1);
    expect(factLines(facts, "etcd")).toHaveLength(4);
  });

  test("a file without a resource is a fault", () => {
    expect(readKubernetes("a: 1", origin).faults).toHaveLength(1);
    expect(readKubernetes("", origin).faults).toHaveLength(1);
  });
});

describe("property: whatever the text, a reader answers, with places in it", () => {
  const readers: readonly (readonly [
    string,
    (text: string) => { faults: Reading["faults"]; all: readonly { line: number | null }[] },
  ])[] = [
    ...([readRedisConf, readProperties, readSysctl, readEtcd] as const).map(
      (read) => [read.name, (text: string) => ({ faults: read(text).faults, all: read(text).settings })] as const,
    ),
    ...([readCompose, readKubernetes] as const).map(
      (read) =>
        [read.name, (text: string) => ({ faults: read(text, origin).faults, all: read(text, origin).facts })] as const,
    ),
  ];
  const piece = fc.constantFrom(
    "services:",
    "kind: Pod",
    "image: redis",
    "command:",
    " ",
    "\n",
    "  ",
    "- ",
    "&a",
    "*a",
    "[",
    "{",
    '"',
    "'",
    "\\",
    "=",
    ":",
    "#",
    "--maxmemory",
    "ETCD_X=1",
    "etcd ",
    "<<: *a",
    "\t",
    "---\n",
    "spec:",
    "|\n",
    "\u0000",
    "\uFEFF",
    "é",
    "__proto__: 1",
    "include x",
  );
  test.each(readers)("%s", (_, read) => {
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        const { faults, all } = read(text);
        const most = text.split(/\r\n|\r|\n/).length + 1;
        for (const { line } of [...faults, ...all])
          expect(line === null || (line >= 1 && line <= most), text).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("nesting without end is a fault, not a crash", () => {
    expect(readCompose("[".repeat(3000), origin).faults).not.toEqual([]);
    expect(readKubernetes(`${"- ".repeat(500)}x`, origin).faults).not.toEqual([]);
  });
});

describe("values", () => {
  test("bytes, each by the rules of its format", () => {
    expect([redisBytes("1k"), redisBytes("1kb"), redisBytes("2GB"), redisBytes("x")]).toEqual([
      1000,
      1024,
      2 ** 31,
      undefined,
    ]);
    expect([composeBytes("1g"), composeBytes("512mb"), composeBytes("1.5k"), composeBytes("-1")]).toEqual([
      2 ** 30,
      2 ** 29,
      1536,
      undefined,
    ]);
    expect([kubernetesBytes("1Gi"), kubernetesBytes("1G"), kubernetesBytes("1g")]).toEqual([2 ** 30, 1e9, undefined]);
  });

  test("comparisons are exact, also beyond what a number holds", () => {
    expect(holds(">=9007199254740993", "9007199254740992")).toBe(false);
    expect([
      holds("=1", "1"),
      holds("1", "2"),
      holds("<=1", "0"),
      holds(">1", "1"),
      holds("<1", "0"),
      holds(">=1", "x"),
    ]).toEqual([true, false, true, false, true, false]);
    expect(() => holds("~1", "1")).toThrow(TypeError);
  });

  test.each([
    ["requirepass", "hunter2"],
    ["masterauth", "hunter2"],
    ["user", "default on >hunter2 ~* +@all"],
    ["listener.name.x.sasl.jaas.config", 'PlainLoginModule required username="a" password="hunter2";'],
    ["ssl.keystore.password", "hunter2"],
    ["auth-token", "hunter2"],
    ["rename-command", "CONFIG hunter2"],
    ["primaryauth", "hunter2"],
    ["advertise", "redis://me:a@hunter2@example.org/x"],
    ["discovery", "https://me:hunter2@example.org/x"],
  ])("%s is no value to print", (name, value) => {
    expect(shownValue(name, value)).not.toContain("hunter2");
    expect(shownValue("maxmemory", "1gb")).toBe("1gb");
  });

  test.each([
    ["default on nopass ~* +@all", "default on nopass"],
    ["default off", "default off"],
    ["DEFAULT on >hunter2 ~* +@all nopass", "*** on >*** nopass"],
    ["default on #abc resetpass", "default on >*** resetpass"],
    ["alice reset on >hunter2 <x !y +get off", "*** reset on >*** off"],
  ])("of the user %s only what tells who comes in without a password", (value, shown) => {
    expect(shownValue("user", value)).toBe(shown);
  });

  test("no rule says what would be taken for a password in a report", () => {
    for (const { meta } of rules) expect(maskText(JSON.stringify(meta))).toBe(JSON.stringify(meta));
  });

  test("what tells two clusters of etcd apart is no password, though it is called a token", () => {
    expect(shownValue("initial-cluster-token", "blue")).toBe("blue");
    expect(shownValue("initial-cluster-token", "green")).toBe("green");
  });

  test("words and flags as a shell and a program take them", () => {
    expect(shellWords(`a 'b c' "d\\"e" f\\ g ""`)).toEqual(["a", "b c", 'd"e', "f g", ""]);
    expect(shellWords("a 'b")).toBeNull();
    expect(flagsOf(["etcd", "--a=1", "--b", "2", "--c", "-d", "x"])).toMatchObject([
      { name: "a", value: "1" },
      { name: "b", value: "2" },
      { name: "c", value: "true" },
      { name: "d", value: "x" },
    ]);
  });
});

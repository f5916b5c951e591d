// Files as they are found in the field: samples of the servers themselves, units, compose files and manifests with all that these
// formats allow. What is misread here would approve a server nobody looked at, or block a good one.
import { describe, expect, test } from "vitest";
import { readFileText } from "../../../src/gate/alerts/lint-files.ts";
import { composeBytes, kubernetesBytes, redisBytes } from "../../../src/gate/audit/amounts.ts";
import { readCompose } from "../../../src/gate/audit/readers/compose.ts";
import { readEtcd } from "../../../src/gate/audit/readers/etcd.ts";
import { readKubernetes } from "../../../src/gate/audit/readers/kubernetes.ts";
import { readRedisConf } from "../../../src/gate/audit/readers/redis-conf.ts";
import { isSentinel } from "../../../src/gate/audit/readers/redis-files.ts";
import type { Reading } from "../../../src/gate/audit/readers/setting.ts";
import { readSysctl } from "../../../src/gate/audit/readers/sysctl.ts";
import type { Fact } from "../../../src/gate/facts.ts";

const origin = { file: "f.yaml", path: ["files", "compose", 0] };

function lines({ settings }: Reading): string[] {
  return settings.map(({ line, name, value }) => `${line} ${name}=${value}`);
}

function of(facts: readonly Fact[], subject: string, server: string): string[] {
  return facts
    .filter((fact) => fact.subject === subject && fact.server === `${server} in f.yaml`)
    .map(({ line, name, value }) => `${line} ${name}=${value}`);
}

describe("redis.conf", () => {
  test.each([
    "maxmemory 1gb # half of the machine",
    "maxmemory 1 gb",
    "maxmemory 1.5gb",
    "maxmemory-policy lru",
    "appendonly maybe",
    'dir fo"o b"ar',
  ])("%s: Redis does not start with it, and so it is a fault", (line) => {
    expect(readRedisConf(`port 1\n${line}\n`).faults).toMatchObject([{ line: 2 }]);
  });

  test("what Redis takes is none", () => {
    const text = `maxmemory 1KB\nappendonly YES\nlogfile /tmp/a"b c"\nmaxmemory-policy allkeys-lfu\nsave ""\nsave 60 1\n`;
    expect(readRedisConf(text).faults).toEqual([]);
    expect(lines(readRedisConf(text))[2]).toBe("3 logfile=/tmp/ab c");
  });
});

describe("sysctl", () => {
  test("comments behind a number, and what sysctl --system says", () => {
    const text = "* Applying /etc/sysctl.d/10-a.conf ...\nvm.swappiness = 1 # low\nnet.core.somaxconn=4096 ; more\n";
    expect(readSysctl(text).faults).toEqual([]);
    expect(lines(readSysctl(text))).toEqual(["2 vm.swappiness=1", "3 net.core.somaxconn=4096"]);
  });
});

describe("etcd", () => {
  test("the sample that comes with it is YAML, though its comments speak of etcd and of things human-readable", () => {
    const text = `# This is the configuration file for the etcd server.

# Human-readable name for this member.
name: 'default'
data-dir:
heartbeat-interval: 100
quota-backend-bytes: 0
auto-compaction-retention: "1"
`;
    expect(lines(readEtcd(text))).toEqual([
      "4 name=default",
      "6 heartbeat-interval=100",
      "7 quota-backend-bytes=0",
      "8 auto-compaction-retention=1",
    ]);
  });

  test("a unit: a flag and its value on two lines, several variables on one, and prose that is no setting", () => {
    const text = `[Unit]
Description=etcd's store - with --name of its own
[Service]
Environment="ETCD_DATA_DIR=/var/lib/etcd" "ETCD_HEARTBEAT_INTERVAL=200"
ExecStartPre=/bin/rm --force /x
ExecStart=/usr/bin/etcd \\
  --election-timeout \\
  2000
`;
    expect(readEtcd(text).faults).toEqual([]);
    expect(lines(readEtcd(text))).toEqual([
      "4 data-dir=/var/lib/etcd",
      "4 heartbeat-interval=200",
      "7 election-timeout=2000",
    ]);
  });

  test.each([
    ["a file of its own", "ExecStart=/usr/bin/etcd --config-file=/etc/etcd/etcd.yml"],
    ["a file of variables", "EnvironmentFile=-/etc/default/etcd\nExecStart=/usr/bin/etcd"],
  ])("a unit with %s: the rest is not known, rather than the default", (_, text) => {
    const names = readEtcd(`[Service]\n${text}\n`).settings.map(({ name }) => name);
    expect(names).toContain("(settings elsewhere)");
  });

  test("the DAEMON_ARGS of Debian", () => {
    const text = '# ETCD_NAME="a"\nDAEMON_ARGS="--heartbeat-interval 250 --election-timeout=2500"\n';
    expect(lines(readEtcd(text))).toEqual(["2 heartbeat-interval=250", "2 election-timeout=2500"]);
  });
});

describe("docker-compose", () => {
  const services = (text: string): ReturnType<typeof readCompose> => readCompose(`services:\n${text}`, origin);

  test("what a service extends is its own as well", () => {
    const { facts } = services(`  base: { image: redis:7, command: redis-server --maxmemory 1gb }
  next: { extends: { service: base }, mem_limit: 2g }
  last: { extends: next, command: [redis-server, --maxmemory, 2gb] }
`);
    expect(of(facts, "redis", "service next")).toEqual([
      "3 (server)=service next",
      "3 container.memory-limit=2147483648",
      "2 maxmemory=1gb",
    ]);
    expect(of(facts, "redis", "service last").at(-1)).toBe("4 maxmemory=2gb");
  });

  test("what a service changes of one that it extends holds, and is no contradiction", () => {
    const { facts } = services(`  a: { image: etcd, environment: { ETCD_HEARTBEAT_INTERVAL: 100 }, mem_limit: 1g }
  b: { extends: a, environment: [ETCD_HEARTBEAT_INTERVAL=200], mem_limit: 2g }
`);
    expect(of(facts, "etcd", "service b").slice(1)).toEqual([
      "3 container.memory-limit=2147483648",
      "3 heartbeat-interval=200",
    ]);
  });

  test("one that extends itself, or another file, ends; the other file is named", () => {
    const { facts, notes } = services(`  a: { extends: b, image: redis }
  b: { extends: { service: a } }
  c: { image: redis, extends: { file: other.yml, service: x } }
`);
    expect(of(facts, "redis", "service b")).toEqual(["3 (server)=service b"]);
    expect(of(facts, "redis", "service c")).toContain("4 (settings elsewhere)=other.yml");
    expect(notes).toEqual(["f.yaml: service c extends one of other.yml, which was not read"]);
  });

  test("variables have their defaults, and one without stays unknown", () => {
    const { facts } = services(`  a:
    image: redis:\${TAG:-7}
    command: redis-server --maxmemory \${MEMORY:-\${OTHER-512mb}} --requirepass \${PASSWORD:-} --timeout $\${x}
    mem_limit: \${LIMIT:-1g}
    sysctls: { net.core.somaxconn: "\${BACKLOG:-1024}", net.ipv4.tcp_tw_reuse: "\${REUSE}" }
`);
    expect(of(facts, "redis", "service a").map((each) => each.slice(2))).toEqual([
      "(server)=service a",
      "container.memory-limit=1073741824",
      "maxmemory=512mb",
      "requirepass=",
      "timeout=${x}",
    ]);
    expect(of(facts, "kernel", "service a")).toEqual(["6 net.core.somaxconn=1024"]);
  });

  test("a client of the image is no server, and neither is a Sentinel", () => {
    const { facts } = services(`  a: { image: redis:7, command: [redis-cli, --cluster, create] }
  b: { image: redis:7, entrypoint: [sh, -c], command: ["redis-cli ping && redis-cli flushall"] }
  c: { image: redis:7, command: redis-sentinel /s.conf }
  d: { image: redis:7, command: redis-server /s.conf --sentinel }
  e: { image: "quay.io/coreos/etcd:v3.5.9", command: etcdctl snapshot save /x }
  f: { image: "confluentinc/cp-kafka:7.5", command: [kafka-topics, --create] }
  g: { image: "oliver006/redis_exporter" }
`);
    expect(facts.filter(({ subject }) => subject !== "compose")).toEqual([]);
  });

  test("of a shell's line only the server's command counts", () => {
    const { facts } =
      services(`  a: { image: redis:7, command: 'sh -c "redis-cli -h x ping; redis-server --maxmemory 1gb && echo --port"' }
  b: { image: bitnami/redis-cluster:7, command: /start.sh }
`);
    expect(of(facts, "redis", "service a")).toEqual(["2 (server)=service a", "2 maxmemory=1gb"]);
    // A script starts it with who knows what.
    expect(of(facts, "redis", "service b")).toContain("3 (settings elsewhere)=/start.sh");
  });

  test("files of variables: Kafka and etcd have settings there, Redis has none", () => {
    const { facts } = services(`  a: { image: apache/kafka:4.0.0, env_file: [a.env] }
  b: { image: redis:7, env_file: a.env }
`);
    expect(of(facts, "kafka", "service a")).toContain("2 (settings elsewhere)=env_file");
    expect(of(facts, "redis", "service b")).toEqual(["3 (server)=service b"]);
  });

  test("a variable that is passed through is set, to what is not known", () => {
    const { facts } = services(`  a: { image: apache/kafka:4.0.0, environment: [KAFKA_MIN_INSYNC_REPLICAS] }
  b: { image: apache/kafka:4.0.0, environment: { KAFKA_MIN_INSYNC_REPLICAS: }, sysctls: [net.core.somaxconn] }
`);
    expect(of(facts, "kafka", "service a")).toContain("2 min.insync.replicas=");
    expect(of(facts, "kafka", "service b")).toContain("3 min.insync.replicas=");
    expect(of(facts, "kernel", "service b")).toEqual([]);
  });

  test("a file that only includes others is one all the same", () => {
    expect(readCompose("include: [a.yaml]\n", origin)).toEqual({
      facts: [],
      faults: [],
      notes: ["f.yaml: what it includes was not read"],
    });
  });
});

describe("Kubernetes", () => {
  const manifest = (containers: string): string => `kind: ConfigMap
metadata: { name: conf }
data:
  redis.conf: |
    maxmemory 3gb
    appendonly yes
---
kind: StatefulSet
metadata: { name: cache }
spec:
  template:
    spec:
      volumes: [{ name: conf, configMap: { name: conf } }]
      initContainers:
        - name: tune
          image: redis:7
          securityContext: { privileged: true }
          command: [sh, -c, "sysctl -w net.core.somaxconn=65535 && sysctl -w vm.overcommit_memory=1"]
      containers:
${containers}`;

  test("a ConfigMap that a container is started with is its own", () => {
    const { facts } = readKubernetes(
      manifest(`        - name: redis
          image: redis:7
          args: [/etc/redis/redis.conf, --maxmemory, $(MEMORY)]
          env: [{ name: MEMORY, value: 2gb }]
          volumeMounts: [{ name: conf, mountPath: /etc/redis }]
          resources: { limits: { memory: 4Gi } }
`),
      origin,
    );
    expect(of(facts, "redis", "StatefulSet/cache redis")).toEqual([
      "20 (server)=StatefulSet/cache redis",
      "25 container.memory-limit=4294967296",
      // Of maxmemory the command line says otherwise, which is meant so.
      "6 appendonly=yes",
      "22 maxmemory=2gb",
    ]);
  });

  test("what a privileged container sets before is of the machine, and that container is no server", () => {
    const { facts } = readKubernetes(manifest("        - { name: app, image: app }\n"), origin);
    expect(of(facts, "kernel", "StatefulSet/cache")).toEqual([
      "15 net.core.somaxconn=65535",
      "15 vm.overcommit_memory=1",
    ]);
    expect(facts.filter(({ subject }) => subject === "redis")).toEqual([]);
  });

  test("a sidecar is a server; another file, by its path, is not known", () => {
    const { facts } = readKubernetes(
      `kind: PodList
items:
  - metadata: { name: a }
    spec:
      initContainers:
        - { name: side, image: redis:7, restartPolicy: Always, args: [/other/redis.conf] }
`,
      origin,
    );
    expect(of(facts, "redis", "Pod/a side")).toEqual([
      "6 (server)=Pod/a side",
      "6 (settings elsewhere)=/other/redis.conf",
    ]);
  });

  test("one variable of a Secret is set, to what is not known", () => {
    const { facts } = readKubernetes(
      `kind: Pod
metadata: { name: a }
spec:
  containers:
    - name: etcd
      image: etcd
      env: [{ name: ETCD_AUTO_COMPACTION_RETENTION, valueFrom: { secretKeyRef: { name: s, key: k } } }, { name: N }]
      args: [--name=$(N)]
`,
      origin,
    );
    expect(of(facts, "etcd", "Pod/a etcd").slice(1)).toEqual(["7 auto-compaction-retention=", "8 name=$(N)"]);
  });

  test("variables of a Secret: what etcd has there is not known", () => {
    const { facts } = readKubernetes(
      `kind: Pod
metadata: { name: a }
spec: { containers: [{ name: etcd, image: etcd, envFrom: [{ secretRef: { name: s } }] }] }
`,
      origin,
    );
    expect(of(facts, "etcd", "Pod/a etcd")).toContain("3 (settings elsewhere)=envFrom");
  });
});

test("amounts in all their units", () => {
  expect(["1e9", "128974848000m", "1P", "1.5G", "0.5Gi", "2x"].map(kubernetesBytes)).toEqual([
    1e9,
    128_974_848,
    1e15,
    1.5e9,
    2 ** 29,
    undefined,
  ]);
  expect(["2t", "512MiB", "1 gb", "1x"].map(composeBytes)).toEqual([2 ** 41, 2 ** 29, 2 ** 30, undefined]);
  expect(redisBytes("1 gb")).toBeUndefined();
});

test("sixty thousand empty lines are read in passing, where each began the search anew", () => {
  const blank = "\n".repeat(60_000);
  expect(isSentinel(`${blank}sentinel monitor a b 1 2`)).toBe(true);
  expect(readEtcd(`${blank}name: a`).settings).toHaveLength(1);
  expect(readFileText("/a.yml", "a.yml", `groups: {}\n${blank}x: 1\n`).problems).not.toEqual([]);
});

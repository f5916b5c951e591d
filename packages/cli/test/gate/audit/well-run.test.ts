// A house that is in order, in all the formats that people use: nothing is found in it. Each line here was once misread by somebody.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { GateReport } from "../../../src/gate/report/gate-report.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { run } from "../../support/memory-io.ts";

const files: Readonly<Record<string, string>> = {
  "server.properties": `# KRaft combined
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@a:9093,2@b:9093,3@c:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
advertised.listeners = PLAINTEXT://a:9092
log.dirs : /var/lib/kafka
num.partitions=6
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
auto.create.topics.enable=FALSE
unclean.leader.election.enable=false
listener.security.protocol.map=CONTROLLER:PLAINTEXT,\\
   PLAINTEXT:PLAINTEXT
`,
  "controller.properties": `process.roles=controller
node.id=101
log.dirs=/tmp/kraft-controller-logs
`,
  "connect.properties": `bootstrap.servers=a:9092
group.id=connect-cluster
offset.storage.topic=connect-offsets
config.storage.topic=connect-configs
key.converter=org.apache.kafka.connect.json.JsonConverter
`,
  "producer.properties": `bootstrap.servers=a:9092
acks=all
enable.idempotence=true
max.in.flight.requests.per.connection=5
compression.type=lz4
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b";
`,
  "consumer.properties": `bootstrap.servers=a:9092
group.id=billing
session.timeout.ms=30000
heartbeat.interval.ms=3000
max.poll.interval.ms=60000
`,
  "etcd.yml": `# etcd, tuned --by us
name: a
data-dir: /var/lib/etcd
heartbeat-interval: 100
election-timeout: 1000
quota-backend-bytes: 8589934592
auto-compaction-mode: periodic
auto-compaction-retention: "1h"
initial-cluster: "a=http://a:2380,b=http://b:2380,c=http://c:2380"
initial-cluster-token: prod
client-transport-security:
  cert-file: /x
`,
  "etcd.service": `[Unit]
Description=etcd - highly-available key-value store
[Service]
Type=notify
Environment=ETCD_UNSUPPORTED_ARCH=arm64
EnvironmentFile=-/etc/default/etcd
ExecStart=/usr/bin/etcd
LimitNOFILE=65536
[Install]
WantedBy=multi-user.target
`,
  "sysctl.conf": `# /etc/sysctl.d/90-db.conf
net/core/somaxconn = 65535
-net.ipv4.tcp_tw_reuse = 2
vm.swappiness = 1 # low
vm.overcommit_memory=1
vm.max_map_count=262144
fs.file-max=2097152
net.ipv4.tcp_max_syn_backlog=4096
net.ipv4.tcp_syncookies=1
net.ipv4.ip_local_port_range = 1024	65535
net.ipv4.ip_local_reserved_ports = 2379-2380,6379,9092-9094
net.ipv4.conf.*.rp_filter = 1
`,
  "compose.yaml": `x-redis: &redis
  image: redis:\${REDIS_TAG:-7.2}
  ulimits: { nofile: { soft: 65536, hard: 65536 } }
services:
  cache:
    <<: *redis
    command: >
      redis-server --maxmemory \${MEM:-700mb} --appendonly yes --min-replicas-to-write 1
      --requirepass "\${PASS:?set it}"
    deploy: { resources: { limits: { memory: 1G } } }
    sysctls: [net.core.somaxconn=4096]
    healthcheck: { test: ["CMD", "redis-cli", "ping"] }
  init: { image: redis:7, command: redis-cli -h cache ping }
  sentinel: { image: redis:7, command: redis-sentinel /etc/s.conf }
  kafka:
    image: apache/kafka:4.0.0
    environment:
      - KAFKA_NODE_ID=1
      - KAFKA_PROCESS_ROLES=broker,controller
      - KAFKA_MIN_INSYNC_REPLICAS=2
      - KAFKA_DEFAULT_REPLICATION_FACTOR=3
      - KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=3
      - KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR=3
      - KAFKA_AUTO_CREATE_TOPICS_ENABLE=false
    ulimits: { nofile: 100000 }
  topics: { image: apache/kafka:4.0.0, command: [/opt/kafka/bin/kafka-topics.sh, --create] }
  etcd: { image: "quay.io/coreos/etcd:v3.5.9", command: [etcd, --auto-compaction-retention, "1h", --initial-cluster-token=prod2, --heartbeat-interval=200, --election-timeout=2000] }
  app: { image: app, extends: base }
  base: { image: base, environment: { A: b } }
`,
  "k8s.yaml": `apiVersion: v1
kind: ConfigMap
metadata: { name: redis-config }
data:
  redis.conf: |
    maxmemory 1gb
    maxmemory-policy noeviction
    min-replicas-to-write 1
  redis-sentinel.conf: |
    sentinel monitor mymaster 127.0.0.1 6379 2
  application.properties: |
    lonely
    spring.x=y
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: redis }
spec:
  replicas: 3
  template:
    spec:
      initContainers:
        - { name: conf, image: redis:7, command: [sh, -c, "cp /m/redis.conf /etc/redis.conf"] }
      containers:
        - name: redis
          image: redis:7
          command: [redis-server, /m/redis.conf]
          volumeMounts: [{ name: c, mountPath: /m }]
          resources: { limits: { memory: 1500Mi } }
        - { name: exporter, image: "oliver006/redis_exporter:v1.62" }
      volumes: [{ name: c, configMap: { name: redis-config } }]
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: backup }
spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: b, image: "quay.io/coreos/etcd:v3.5", command: [etcdctl, snapshot, save, /x] }] } } } } }
`,
  "snowshed.yaml": `version: 1
connections:
  redis: { max: 200, perProcess: 4, processes: 12, commandTimeoutMs: 400, maxQueue: 0, client: ioredis, maxIdle: 10 }
  etcd: { max: 10, perProcess: 1, processes: 4, commandTimeoutMs: 400 }
  kafka: { max: 50, perProcess: 6, processes: 4 }
workloads:
  lock: { writesPerSecond: 800, ordering: none, consistency: eventual, store: redis-sentinel, topology: {replicas: 3}, write: { command: "SET k v EX 30 NX", wait: { replicas: 2, timeoutMs: 1000, onShortfall: compensate, sameConnection: true } } }
  orders: { writesPerSecond: 120000, ordering: strict, consistency: eventual, store: kafka, delivery: { idempotentProducer: true, dedup: { unique: [trace_id, event_type, timestamp], timestampSource: event } } }
kernel: { from: sysctl.conf }
files: { redis: [redis.conf, sentinel.conf], kafka: [server.properties, controller.properties, connect.properties, producer.properties, consumer.properties], etcd: [etcd.yml, etcd.service], compose: [compose.yaml], kubernetes: [k8s.yaml] }
`,
  "redis.conf": `bind 127.0.0.1 -::1
protected-mode yes
port 6379
tcp-backlog 511
timeout 0
tcp-keepalive 300
daemonize yes
logfile /var/log/redis/redis-server.log
save 3600 1 300 100 60 10000
rename-command CONFIG b840fc02d524045429941cc15f59e41cb7be6c52
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
maxmemory 3gb
min-replicas-to-write 1
appendonly no
`,
  "sentinel.conf": `port 26379
sentinel monitor mymaster 127.0.0.1 6379 2
`,
};

async function audit(changed: Readonly<Record<string, string>> = {}) {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries({ ...files, ...changed })) writeFileSync(path.join(folder, name), text);
  const { code, stdout } = await run(["gate", "audit", "-c", path.join(folder, "snowshed.yaml"), "-o", "json"]);
  const stage = (JSON.parse(stdout) as GateReport).stages.find((each) => each.stage === "audit")!;
  return {
    code,
    found: stage.findings.map(({ rule, file, line }) => `${rule} ${path.basename(file ?? "")}:${line}`),
    notes: stage.notes.filter(({ rule }) => rule === null).map(({ message }) => message),
  };
}

test("nothing is found, and what was not read is named", async () => {
  const { code, found, notes } = await audit();
  expect(found).toEqual([]);
  expect(code).toBe(0);
  expect(notes).toEqual([
    expect.stringMatching(/etcd\.service: what it takes from -\/etc\/default\/etcd was not read/),
  ]);
});

test.each<[string, string, string, string, readonly string[]]>([
  ["redis.conf", "maxmemory 3gb\n", "", "no bound", ["audit/redis-maxmemory redis.conf:1"]],
  [
    "server.properties",
    "replicas=2",
    "replicas=1",
    "one replica in sync",
    ["audit/kafka-min-insync-replicas server.properties:10"],
  ],
  [
    "etcd.yml",
    "election-timeout: 1000",
    "election-timeout: 400",
    "no time to elect",
    ["audit/etcd-election-timeout etcd.yml:5"],
  ],
  ["sysctl.conf", "vm.swappiness = 1", "vm.swappiness = 10", "swapping", ["audit/swappiness sysctl.conf:4"]],
  [
    "compose.yaml",
    "MEM:-700mb",
    "MEM:-900mb",
    "no room in the container",
    ["audit/redis-container-memory compose.yaml:7"],
  ],
  ["k8s.yaml", "maxmemory 1gb", "maxmemory 1400mb", "no room in the pod", ["audit/redis-container-memory k8s.yaml:6"]],
])("%s with %s as %s is not in order", async (file, from, to, _, expected) => {
  expect(files[file]).toContain(from);
  const { found } = await audit({ [file]: files[file]!.replace(from, to) });
  expect(found).toEqual(expected);
});

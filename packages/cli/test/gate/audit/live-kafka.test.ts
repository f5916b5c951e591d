// What running brokers of Kafka are asked, with two real ones: one set up well, the other as it comes, or worse.
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import path from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { KafkaCluster } from "../../../../snowshed/test/support/kafka.ts";
import { startKafka } from "../../../../snowshed/test/support/kafka.ts";
import { freePort } from "../../../../snowshed/test/support/server-programs.ts";
import type { Finding } from "../../../src/gate/finding.ts";
import type { GateReport } from "../../../src/gate/report/gate-report.ts";
import { addWithResolvers } from "../../support/add-with-resolvers.ts";
import { start } from "../../support/child.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { run } from "../../support/memory-io.ts";

addWithResolvers();

let good: KafkaCluster;
let bad: KafkaCluster;

const factors = ["offsets.topic", "transaction.state.log", "default"];
const secret = "hunter2";

beforeAll(async () => {
  [good, bad] = await Promise.all([
    startKafka({ settings: [...factors.map((name) => `${name}.replication.factor=3`), "min.insync.replicas=2"] }),
    startKafka({
      settings: [
        "auto.create.topics.enable=true",
        "offsets.topic.replication.factor=2",
        `ssl.keystore.password=${secret}`,
        `sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="${secret}";`,
      ],
    }),
  ]);
}, 120_000);
afterAll(() => Promise.all([good.stop(), bad.stop()]));

function configOf(servers: readonly string[]): string {
  const file = path.join(temporaryFolder(), "snowshed.yaml");
  const kafka = { max: 4, perProcess: 1, processes: 4, servers };
  writeFileSync(file, JSON.stringify({ version: 1, connections: { kafka } }));
  return file;
}

/** What the report says of Kafka: the kernel of this machine is asked, too. */
function saidOf(stdout: string): { readonly findings: readonly Finding[]; readonly failed: readonly string[] } {
  const stage = (JSON.parse(stdout) as GateReport).stages.find((each) => each.stage === "audit")!;
  return {
    findings: stage.findings.filter(({ rule }) => rule.startsWith("audit/kafka-")),
    failed: stage.notes.filter(({ kind }) => kind === "failed").map(({ message }) => message),
  };
}

async function audit(servers: readonly string[]) {
  const { code, stdout } = await run(["gate", "audit", "--live", "-c", configOf(servers), "-o", "json"]);
  expect(stdout).not.toContain(secret);
  return { code, ...saidOf(stdout) };
}

function messages(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ message }) => message).toSorted();
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** As an operator does it while the broker runs; its file says nothing of it. */
async function allowUncleanElection(brokers: string[]): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  onTestFinished(() => admin.disconnect());
  await admin.connect();
  const name = "unclean.leader.election.enable";
  const broker = { type: 4, name: "1" };
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ ...broker, configEntries: [{ name, value: "true" }] }],
  });
  // The controller has it, and the broker hears of it.
  const running = async (): Promise<string | undefined> => {
    const { resources } = await admin.describeConfigs({
      resources: [{ ...broker, configNames: [name] }],
      includeSynonyms: false,
    });
    return resources[0]?.configEntries[0]?.configValue;
  };
  await expect.poll(running, { timeout: 20_000 }).toBe("true");
}

test("one that is set up well passes, and of the other each rule tells what it really has", async () => {
  await allowUncleanElection(bad.bootstrap);
  const [well, badly, both] = await Promise.all([
    audit(good.bootstrap),
    audit(bad.bootstrap),
    // Another cluster is not taken for the first, though its broker has the same number.
    audit([...good.bootstrap, ...bad.bootstrap]),
  ]);
  expect(well).toEqual({ code: 0, findings: [], failed: [] });
  const name = `kafka broker 1 of ${bad.bootstrap.join()}`;
  expect([badly.code, badly.failed]).toEqual([1, []]);
  expect(messages(badly.findings)).toEqual([
    expect.stringMatching(`^${name}: auto.create.topics.enable is true: `),
    expect.stringMatching(`^${name}: min.insync.replicas is 1: `),
    expect.stringMatching(`^${name}: offsets.topic.replication.factor is 2: `),
    expect.stringMatching(`^${name}: transaction.state.log.replication.factor is 1: `),
    expect.stringMatching(`^${name}: unclean.leader.election.enable is true: `),
  ]);
  expect([both.code, messages(both.findings)]).toEqual([1, messages(badly.findings)]);
});

test("one that does not answer leaves the audit inconclusive, and the command ends by itself", async () => {
  // A broker that hangs, and what takes connections and says nothing: asked meanwhile, since it is waited for.
  const silent = await listening(createServer((socket) => void socket.on("error", () => {})));
  bad.brokers[0]!.signal("SIGSTOP");
  onTestFinished(() => bad.brokers[0]!.signal("SIGCONT"));
  const hanging = [...bad.bootstrap, silent];
  const { ended } = start(["gate", "audit", "--live", "-c", configOf(hanging), "-o", "json"]);

  // One that refuses, closes or is no address, beside a broker that answers.
  const gone = `127.0.0.1:${await freePort()}`;
  const closing = await listening(createServer((socket) => void socket.on("data", () => socket.destroy())));
  const odd = [`SASL_SSL://a:${secret}@127.0.0.1:9092`, "127.0.0.1", "127.0.0.1:99999"];
  const refused = await audit([...good.bootstrap, gone, closing, ...odd]);
  expect([refused.code, refused.findings]).toEqual([3, []]);
  expect(refused.failed).toHaveLength(5);
  for (const said of [
    "connections.kafka.servers.3 could not be asked: it is no host:port",
    "connections.kafka.servers.4 could not be asked: it is no host:port",
    "connections.kafka.servers.5 could not be asked: it is no host:port",
    expect.stringMatching(`^kafka ${gone} could not be asked: .*ECONNREFUSED`),
    expect.stringMatching(`^kafka ${closing} could not be asked: .*[Cc]losed connection`),
  ]) {
    expect(refused.failed).toContainEqual(said);
  }

  const { code, stdout } = await ended;
  const { findings, failed } = saidOf(stdout);
  expect([code, findings]).toEqual([3, []]);
  expect(failed.toSorted()).toEqual(
    hanging.map((at) => `kafka ${at} could not be asked: no answer within 5000 ms`).toSorted(),
  );
});

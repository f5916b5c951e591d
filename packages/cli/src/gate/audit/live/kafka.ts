import type { LiveReading } from "./live-facts.ts";
import { liveFacts, notAsked } from "./live-facts.ts";
import type { AskOptions } from "./redis.ts";
import { withTimeLimit } from "./time-limit.ts";

/** As far as the settings of brokers go, of kafkajs. */
export interface KafkaAdmin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  describeCluster(): Promise<{ readonly brokers: readonly { readonly nodeId: number }[] }>;
  describeConfigs(request: object): Promise<{
    readonly resources: readonly {
      readonly resourceName: string;
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
    }[];
  }>;
}

export interface KafkaClient {
  admin(): KafkaAdmin;
}

/** Makes a client of a package that may not be there; undefined then. */
export type KafkaFactory = (brokers: readonly string[], timeoutMs: number) => Promise<KafkaClient | undefined>;

/** kafkajs, if it is installed beside the command line. */
export const installedKafka: KafkaFactory = async (brokers, timeoutMs) => {
  // In a variable, so that nobody takes it for a dependency.
  const name = "kafkajs";
  const found = (await import(name).catch(() => undefined)) as
    | ({ default?: KafkaPackage } & Partial<KafkaPackage>)
    | undefined;
  const kafkajs = found?.Kafka === undefined ? found?.default : (found as KafkaPackage);
  if (kafkajs === undefined) return undefined;
  return new kafkajs.Kafka({
    clientId: "snowshed-gate-audit",
    brokers,
    connectionTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    retry: { retries: 1 },
    logLevel: kafkajs.logLevel.NOTHING,
  });
};

interface KafkaPackage {
  readonly Kafka: new (options: object) => KafkaClient;
  readonly logLevel: { readonly NOTHING: number };
}

const brokerResource = 4;

/** Asks the brokers of a cluster for their settings: DescribeConfigs of each. */
export async function askKafka(
  addresses: readonly string[],
  { path, timeoutMs, signal }: AskOptions,
  create: KafkaFactory = installedKafka,
): Promise<LiveReading> {
  const server = `kafka ${addresses.join(", ")}`;
  const client = await create(addresses, timeoutMs);
  if (client === undefined) return notAsked(server, "kafkajs is not installed (npm install kafkajs)");
  const admin = client.admin();
  const within = <T>(ask: () => Promise<T>): Promise<T> => withTimeLimit(timeoutMs, signal, ask);
  try {
    // The client tries again by itself, each time as long.
    const brokers = await within(async () => {
      await admin.connect();
      return (await admin.describeCluster()).brokers;
    });
    const facts = [];
    for (const { nodeId } of brokers) {
      // Each broker answers for itself only.
      const resources = [{ type: brokerResource, name: String(nodeId) }];
      const described = await within(() => admin.describeConfigs({ resources, includeSynonyms: false }));
      for (const { resourceName, configEntries } of described.resources) {
        const values = Object.fromEntries(
          configEntries.map(({ configName, configValue }) => [configName, configValue ?? undefined]),
        );
        facts.push(...liveFacts("kafka", `broker ${resourceName} of ${addresses.join(", ")}`, path, values));
      }
    }
    return { facts, notes: [] };
  } catch (error) {
    return notAsked(server, error);
  } finally {
    // One that hangs must not keep the others' answers back.
    void admin.disconnect().catch(() => {});
  }
}

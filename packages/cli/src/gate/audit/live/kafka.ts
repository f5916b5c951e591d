import { loadKafkajs } from "../../load-kafkajs.ts";
import type { LiveReading } from "./live-facts.ts";
import { liveFacts, notAsked } from "./live-facts.ts";
import type { AskOptions } from "./redis.ts";
import { withTimeLimit } from "./time-limit.ts";

interface KafkaBroker {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** As far as the settings of brokers go, of kafkajs. */
export interface KafkaAdmin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  describeCluster(): Promise<{ readonly brokers: readonly KafkaBroker[] }>;
  describeConfigs(request: object): Promise<{
    readonly resources: readonly {
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
    }[];
  }>;
}

export interface KafkaClient {
  admin(): KafkaAdmin;
}

/** Makes a client of a package that may not be there; undefined then. */
export type KafkaFactory = (address: string, timeoutMs: number) => Promise<KafkaClient | undefined>;

/** kafkajs, if it is installed beside the configuration or the command line. */
export function installedKafka(folder: string): KafkaFactory {
  return async (address, timeoutMs) => {
    const kafkajs = await loadKafkajs<KafkaClient>(folder);
    if (kafkajs === null) return undefined;
    return new kafkajs.Kafka({
      clientId: "snowshed-gate-audit",
      brokers: [address],
      connectionTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      retry: { retries: 1 },
      logLevel: kafkajs.logLevel.NOTHING,
    });
  };
}

const brokerResource = 4;

/**
 * Asks the brokers at these addresses, and those that they name, for their settings: DescribeConfigs of each. Every address is
 * asked: a client that is given several takes the first that answers, and says nothing of one that is down.
 */
export async function askKafka(
  addresses: readonly string[],
  options: AskOptions,
  create: KafkaFactory,
): Promise<LiveReading> {
  const server = `kafka ${addresses.join(", ")}`;
  const admins: KafkaAdmin[] = [];
  try {
    for (const address of addresses) {
      const client = await create(address, options.timeoutMs);
      if (client === undefined) return notAsked(server, "kafkajs is not installed (npm install kafkajs)");
      admins.push(client.admin());
    }
    const clusters = await Promise.all(admins.map((admin, index) => askCluster(admin, addresses[index]!, options)));
    // Several addresses lead to the same ones. A copy of a cluster has its id, too.
    const places = new Map<string, BrokerPlace>();
    for (const place of clusters.flatMap(({ brokers }) => brokers)) {
      const key = `${place.broker.nodeId} ${place.broker.host}:${place.broker.port}`;
      if (!places.has(key)) places.set(key, place);
    }
    const answers = await Promise.all([...places.values()].map((place) => askBroker(place, options)));
    const readings = [...clusters, ...answers];
    return { facts: readings.flatMap(({ facts }) => facts), notes: readings.flatMap(({ notes }) => notes) };
  } catch (error) {
    return notAsked(server, error);
  } finally {
    // One that hangs must not keep the others' answers back.
    for (const admin of admins) void admin.disconnect().catch(() => {});
  }
}

interface BrokerPlace {
  readonly broker: KafkaBroker;
  readonly admin: KafkaAdmin;
  /** That led to it. */
  readonly address: string;
}

async function askCluster(
  admin: KafkaAdmin,
  address: string,
  { timeoutMs, signal }: AskOptions,
): Promise<LiveReading & { readonly brokers: readonly BrokerPlace[] }> {
  try {
    // The client tries again by itself, each time as long.
    const { brokers } = await withTimeLimit(timeoutMs, signal, async () => {
      await admin.connect();
      return admin.describeCluster();
    });
    return { facts: [], notes: [], brokers: brokers.map((broker) => ({ broker, admin, address })) };
  } catch (error) {
    return { ...notAsked(`kafka ${address}`, error), brokers: [] };
  }
}

/** Each broker answers for itself only. */
async function askBroker(
  { admin, address, broker: { nodeId, host, port } }: BrokerPlace,
  { path, timeoutMs, signal }: AskOptions,
): Promise<LiveReading> {
  const server = `kafka broker ${nodeId} of ${address}`;
  const resources = [{ type: brokerResource, name: String(nodeId) }];
  try {
    const described = await withTimeLimit(timeoutMs, signal, () =>
      admin.describeConfigs({ resources, includeSynonyms: false }),
    );
    const entries = described.resources.flatMap(({ configEntries }) => configEntries);
    const values = entries.map(({ configName, configValue }) => [configName, configValue ?? undefined] as const);
    return { facts: liveFacts("kafka", server, path, Object.fromEntries(values)), notes: [] };
  } catch (error) {
    return notAsked(`${server}, at ${host}:${port},`, error);
  }
}

/** What the client understands of an address. Of anything else it says that a port is no number. */
export function isHostAndPort(text: string): boolean {
  const port = /^[\w.-]+:(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) > 0 && Number(port) < 65_536;
}

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** What is needed of kafkajs, whose client is as large as the caller needs it. */
export interface Kafkajs<Client> {
  readonly Kafka: new (options: object) => Client;
  readonly logLevel: { readonly NOTHING: number };
}

/** The client is the user's: the gate itself depends on none. Beside the configuration, or else beside this program. */
export async function loadKafkajs<Client>(folder: string): Promise<Kafkajs<Client> | null> {
  try {
    const file = createRequire(path.join(folder, "snowshed.yaml")).resolve("kafkajs");
    return moduleOf(await import(pathToFileURL(file).href));
  } catch {
    // Not beside the configuration: perhaps beside this program.
  }
  // In a variable, so that nobody takes it for a dependency.
  const name = "kafkajs";
  return import(name).then(
    (loaded) => moduleOf<Client>(loaded),
    () => null,
  );
}

function moduleOf<Client>(loaded: unknown): Kafkajs<Client> {
  const { default: inner } = loaded as { readonly default?: Kafkajs<Client> };
  return inner ?? (loaded as Kafkajs<Client>);
}

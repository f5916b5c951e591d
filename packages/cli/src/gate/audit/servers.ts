import type { Fact } from "../facts.ts";
import type { Position } from "../finding.ts";
import type { RuleContext } from "../rule.ts";

/** What every reader says first of a server, so that one with an empty file is known too. */
export const serverFact = "(server)";

/** What a reader says of a server that is started with a file that was not read: its defaults are not known. */
export const unreadFact = "(settings elsewhere)";

/** One server, machine or file of settings, as far as facts tell. Of a setting given twice the last holds, as the servers do it. */
export class Server {
  readonly name: string;
  readonly subject: string;
  /** It was asked, not read about. */
  readonly isLive: boolean;
  readonly facts: readonly Fact[];

  constructor(facts: readonly [Fact, ...Fact[]], isLive: boolean) {
    this.facts = facts;
    this.subject = facts[0].subject;
    this.name = nameOf(facts[0]);
    this.isLive = isLive;
  }

  get(setting: string): Fact | undefined {
    return this.facts.findLast(({ name }) => name === setting);
  }

  value(setting: string): string | undefined {
    return this.get(setting)?.value;
  }

  has(...settings: readonly string[]): boolean {
    return this.facts.some(({ name }) => settings.includes(name));
  }

  /** Whether all it is set to is known, so that what is not named has its default. */
  get isComplete(): boolean {
    return !this.isLive && !this.has(unreadFact);
  }

  /** The value, or the default if all its settings are known; else undefined. */
  valueOr(setting: string, byDefault: string): string | undefined {
    return this.value(setting) ?? (this.isComplete ? byDefault : undefined);
  }

  /** Where a report on a setting points: to it, or to the start of its server. */
  at(setting: string): { readonly path: readonly (string | number)[]; readonly at?: Position } {
    const fact = this.get(setting) ?? this.facts[0]!;
    const path = fact.path ?? ["files", fact.subject];
    if (fact.file === null) return { path };
    return { path, at: { file: fact.file, line: fact.line, column: fact.column } };
  }
}

function nameOf({ server, file, subject }: Fact): string {
  return server ?? file ?? subject;
}

/** The servers that facts of files and of running servers are about. */
export function serversOf({ facts, live }: Pick<RuleContext, "facts" | "live">, subject: string): readonly Server[] {
  return [...grouped(facts, subject, false), ...grouped(live ?? [], subject, true)];
}

function grouped(facts: readonly Fact[], subject: string, isLive: boolean): Server[] {
  const groups = new Map<string, [Fact, ...Fact[]]>();
  for (const fact of facts) {
    if (fact.subject !== subject) continue;
    const group = groups.get(nameOf(fact));
    if (group === undefined) groups.set(nameOf(fact), [fact]);
    else group.push(fact);
  }
  return [...groups.values()].map((group) => new Server(group, isLive));
}

/** Of Redis: it follows another. */
export function isReplica(server: Server): boolean {
  const masters = ["replicaof", "slaveof"].map((name) => server.value(name)?.toLowerCase() ?? "");
  return masters.some((master) => master !== "" && master !== "no one") || server.value("info.role") === "slave";
}

/** A broker's file, not that of a producer or consumer, nor that of a controller alone, which has no data. */
export function isBroker(server: Server): boolean {
  if (server.value("process.roles")?.trim() === "controller") return false;
  return (
    server.isLive ||
    server.has("node.id", "broker.id", "log.dirs", "log.dir", "listeners", "zookeeper.connect", "process.roles")
  );
}

export function isConsumer(server: Server): boolean {
  // A worker of Kafka Connect has a group as well, with other timeouts.
  if (server.has("offset.storage.topic", "process.roles")) return false;
  return !isBroker(server) && server.has("group.id", "session.timeout.ms", "max.poll.interval.ms", "group.protocol");
}

export function isProducer(server: Server): boolean {
  return (
    !isBroker(server) &&
    server.has("acks", "enable.idempotence", "transactional.id", "max.in.flight.requests.per.connection")
  );
}
